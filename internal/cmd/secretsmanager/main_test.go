package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestServesUntilTold(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-listen", "127.0.0.1:0"}, in) }()
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	comment, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(strings.Fields(line)[1], "AWS_ENDPOINT_URL_SECRETS_MANAGER=")
	if !strings.Contains(comment, `endpoint_url="`+url+`"`) {
		t.Errorf("an old boto3 is not told of %s: %s", url, comment)
	}
	if err := run(t.Context(), []string{"-listen", strings.TrimPrefix(url, "http://")}, io.Discard); err == nil || !strings.Contains(err.Error(), "takes a free port") {
		t.Errorf("a second one on the same port: got error %v", err)
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("X-Amzn-Errortype") != "MissingAuthenticationTokenException" {
		t.Errorf("%s is not Secrets Manager: %v", url, resp.Header)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRefusesAddressesThatOthersReach(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "127.0.0.1"} {
		if err := run(t.Context(), []string{"-listen", address}, io.Discard); err == nil {
			t.Errorf("served on %s", address)
		}
	}
}
