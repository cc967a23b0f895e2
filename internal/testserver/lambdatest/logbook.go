package lambdatest

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// logbook has what the processes of a function have written. It is a file and not a
// pipe: when an answer arrives, everything that the process wrote before it can be read.
type logbook struct {
	file *os.File // has no name any more, so that none is left

	mu   sync.Mutex // guards what follows
	last []byte     // its content, once it is closed
	done bool
}

func newLogbook() (*logbook, error) {
	file, err := os.CreateTemp("", "lambdatest-")
	if err == nil {
		err = os.Remove(file.Name())
	}
	if err != nil {
		return nil, fmt.Errorf("lambdatest: a file for the log: %w", err)
	}
	return &logbook{file: file}, nil
}

// text returns what was written so far.
func (l *logbook) text() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return l.last
	}
	text, _ := l.read() // close tells of an error
	return text
}

func (l *logbook) read() ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(l.file, 0, math.MaxInt64))
}

// close keeps the text and closes the file.
func (l *logbook) close() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return nil
	}
	l.last, err = l.read()
	l.done = true
	if err = errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("lambdatest: close the log: %w", err)
	}
	return nil
}
