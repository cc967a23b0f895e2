package postgrestest

import (
	"math/rand/v2"
	"net"
)

// listenTCP listens at an address whose port can be released for a moment and used
// again. No client on this machine takes such a port in between: clients get ports from
// 32768 upwards (Linux) or 49152 (macOS).
func listenTCP(ip net.IP) (listener *net.TCPListener, err error) {
	const low, high, tries = 10240, 32768, 100
	for range tries {
		if listener, err = net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: low + rand.IntN(high-low)}); err == nil {
			return listener, nil
		}
	}
	return nil, err
}
