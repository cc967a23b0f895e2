package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// watcher sees every value that AWSCURRENT takes, as a consumer would.
type watcher struct {
	mu       sync.Mutex // guards what follows
	versions []string
	urls     []string
}

// watch starts the watcher, which ends with the context.
func (s *shop) watch(ctx context.Context) {
	s.watcher = &watcher{}
	s.tasks.Go(func() {
		for ctx.Err() == nil {
			out, err := s.AWS.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.secret, VersionStage: aws.String("AWSCURRENT")})
			if err == nil {
				s.watcher.see(*out.VersionId, *out.SecretString)
			}
			time.Sleep(time.Millisecond)
		}
	})
}

func (w *watcher) see(version, url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.versions); n == 0 || w.versions[n-1] != version {
		w.versions, w.urls = append(w.versions, version), append(w.urls, url)
	}
}

// version returns the id of the version with AWSCURRENT.
func (w *watcher) version() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.versions) == 0 {
		return ""
	}
	return w.versions[len(w.versions)-1]
}

// await waits until AWSCURRENT is the URL, to which the functions append an sslmode, and
// returns its version.
func (w *watcher) await(ctx context.Context, url string) (string, error) {
	err := until(ctx, &w.mu, func() bool { return len(w.urls) > 0 && strings.HasPrefix(w.urls[len(w.urls)-1], url) })
	if err != nil {
		return "", fmt.Errorf("AWSCURRENT does not get the newest URL: %w", err)
	}
	return w.version(), nil
}

// backwards reports whether a URL came back after another one.
func (w *watcher) backwards() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(slices.Compact(slices.Sorted(slices.Values(w.urls)))) < len(w.urls)
}
