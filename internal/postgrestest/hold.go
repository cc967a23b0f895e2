package postgrestest

import (
	"net"
	"os"
	"syscall"
)

// hold keeps an address that nobody listens at: connections to it are refused,
// and no other process can come to listen there, until release is called.
//
// A socket that is bound and does not listen does just that. Package net makes
// no such sockets.
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
		name := &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}
		err = os.NewSyscallError("bind", syscall.Bind(fd, name))
	}
	if err != nil {
		syscall.Close(fd)
		return nil, err
	}
	return func() { syscall.Close(fd) }, nil
}
