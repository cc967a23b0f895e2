package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/stacktest"
)

// watcher sees every value that AWSCURRENT takes, as a consumer would.
type watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex // guards what follows
	versions []string
	urls     []string
}

func watch(stack *stacktest.Stack, secret string) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{cancel: cancel}
	w.done.Go(func() {
		for ctx.Err() == nil {
			out, err := stack.AWS.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &secret, VersionStage: aws.String("AWSCURRENT")})
			if err == nil {
				w.see(*out.VersionId, *out.SecretString)
			}
			time.Sleep(time.Millisecond)
		}
	})
	return w
}

func (w *watcher) see(version, url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.versions); n == 0 || w.versions[n-1] != version {
		w.versions, w.urls = append(w.versions, version), append(w.urls, url)
	}
}

// version returns the beginning of the id of the version with AWSCURRENT.
func (w *watcher) version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.versions) == 0 {
		return ""
	}
	return w.versions[len(w.versions)-1][:8]
}

// await waits until AWSCURRENT is the URL and returns its version.
func (w *watcher) await(ctx context.Context, url string) (string, error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !w.isCurrent(url) {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("AWSCURRENT does not get the newest URL: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return w.version(), nil
}

// isCurrent reports whether AWSCURRENT is the URL. The functions append an sslmode to it.
func (w *watcher) isCurrent(url string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.urls)
	return n > 0 && strings.HasPrefix(w.urls[n-1], url)
}

func (w *watcher) stop() {
	w.cancel()
	w.done.Wait()
}

// backwards reports whether a URL came back after another one.
func (w *watcher) backwards() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := make(map[string]bool)
	for _, url := range w.urls {
		if seen[url] {
			return true
		}
		seen[url] = true
	}
	return false
}
