// Package loopback finds addresses for test servers on this machine.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Listen listens at an address whose port can be released for a moment and used again. No
// client on this machine takes such a port in between: clients get ports from 32768 upwards
// (Linux) or 49152 (macOS).
func Listen(ip net.IP) (listener *net.TCPListener, err error) {
	const low, high, tries = 10240, 32768, 100
	for range tries {
		if listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: low + rand.IntN(high-low)}); err == nil {
			return listener, nil
		}
	}
	return nil, err
}

// FreePort returns a port of 127.0.0.1 that nothing listens at. Another process that looks for
// one may take it before the caller does.
func FreePort() (int, error) {
	listener, err := Listen(net.IPv4(127, 0, 0, 1))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
