package postgrestest

import (
	"net"
	"os"
	"syscall"
	"time"
)

// hold reserves an address without a listener: connections to it are refused, and no
// other process can listen there, until release is called.
//
// A socket that is bound and does not listen has this effect. Package net cannot make
// one.
func hold(address *net.TCPAddr) (release func(), err error) {
	syscall.ForkLock.RLock()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// The connections that were just cut linger at this address for a while.
	err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	if err == nil {
		err = os.NewSyscallError("bind", bind(fd, address))
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return func() { syscall.Close(fd) }, nil
}

// bind waits for the listener that has just been closed to be gone: a process that
// is being started has a copy of it until it becomes another program.
func bind(fd int, address *net.TCPAddr) error {
	name := &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		err := syscall.Bind(fd, name)
		if err != syscall.EADDRINUSE || time.Now().After(deadline) {
			return err
		}
	}
}
