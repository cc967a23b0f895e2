package postgrestest

import (
	"net"
	"os/exec"
	"sync"
	"testing"

	"keepcurrent.example/internal/testserver/loopback"
)

// A process that is being started has copies of all that is open here.
func TestAnAddressCanBeHeldWhileProcessesAreStarted(t *testing.T) {
	t.Parallel()
	var starting sync.WaitGroup
	held := make(chan struct{})
	for range 4 {
		starting.Go(func() {
			for {
				select {
				case <-held:
					return
				default:
					_ = exec.Command("true").Run()
				}
			}
		})
	}
	for range 500 {
		listener, err := loopback.Listen(net.IPv4(127, 0, 0, 1))
		if err != nil {
			t.Error(err)
			break
		}
		listener.Close()
		release, err := hold(listener.Addr().(*net.TCPAddr))
		if err != nil {
			t.Error(err)
			break
		}
		release()
	}
	close(held)
	starting.Wait()
}
