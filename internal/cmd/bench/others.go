package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"keepcurrent.example/internal/testserver/stacktest"
)

const otherRuns = 5

//go:embed function.py
var function []byte

// other is another way to update the secret, and how long its runs took until AWSCURRENT
// was right.
type other struct {
	name   string
	update func(context.Context) error
	took   sample
}

// compare measures the webhook and the other common ways alternately, against the same
// remotes.
func (b *bench) compare(ctx context.Context, r *rig) error {
	ways := []*other{{name: "the webhook, warm", update: r.announce(r.binding)}}
	ways = append(ways, b.commands(r)...)
	functions, end, err := b.python(ctx, r)
	if err != nil {
		return err
	}
	defer end()
	ways = append(ways, functions...)
	for range otherRuns {
		for _, o := range ways {
			took, _, err := r.follow(ctx, r.binding, o.update)
			if err != nil {
				return fmt.Errorf("%s: %w", o.name, err)
			}
			o.took = append(o.took, took)
		}
	}
	var rows [][]string
	for _, o := range ways {
		rows = append(rows, append(o.took.row(o.name), ratio(o.took.median(), ways[0].took.median())))
	}
	b.table("Beside what people use today: one run, until AWSCURRENT is right",
		[]string{"", "min", "median", "max", "ratio"}, rows,
		fmt.Sprintf("The same servers at the same distances, %d runs each, alternating. The webhook compares, logs in and swaps; "+
			"the others put what they have read.", otherRuns))
	return nil
}

const commands = "`heroku config:get`, piped into `aws secretsmanager put-secret-value`"

// commands runs the commands of Heroku's documentation; none if they are not installed.
func (b *bench) commands(r *rig) []*other {
	for _, command := range []string{"heroku", "aws"} {
		if _, err := exec.LookPath(command); err != nil {
			b.skip(commands, command+" is not installed")
			return nil
		}
	}
	env := append(environment(), // nothing leaves the machine, and nothing stays in the background
		"HOME="+b.dir, "HEROKU_HOST="+r.herokuURL, "HEROKU_API_KEY="+r.Heroku.Token(), "HEROKU_SKIP_NEW_VERSION_CHECK=1", "HEROKU_DISABLE_AUTOUPDATE=1", "DISABLE_TELEMETRY=true",
		"NODE_EXTRA_CA_CERTS="+r.authorities, "AWS_CA_BUNDLE="+r.authorities, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+r.awsURL)
	return []*other{{name: commands, update: func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, "sh", "-c",
			"heroku config:get DATABASE_URL -a "+r.app.Name+" | aws secretsmanager put-secret-value --secret-id "+r.secret+" --secret-string file:///dev/stdin")
		cmd.Env = env
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w: %s", err, said.Bytes())
		}
		return nil
	}}}
}

// python is a plain function on boto3, cold and warm; end ends the warm one.
func (b *bench) python(ctx context.Context, r *rig) (ways []*other, end func(), err error) {
	const name = "a simple Python function with boto3"
	if err := exec.CommandContext(ctx, "python3", "-c", "import boto3").Run(); err != nil {
		b.skip(name, "python3 with boto3 is not installed")
		return nil, func() {}, nil
	}
	program := filepath.Join(b.dir, "function.py")
	if err := os.WriteFile(program, function, 0o600); err != nil {
		return nil, nil, err
	}
	warm, end, err := startPython(ctx, r, program)
	if err != nil {
		return nil, nil, err
	}
	if err := warm(ctx); err != nil {
		end()
		return nil, nil, err
	}
	cold := func(ctx context.Context) error {
		run, end, err := startPython(ctx, r, program)
		if err != nil {
			return err
		}
		defer end()
		return run(ctx)
	}
	return []*other{{name: name + ", cold", update: cold}, {name: name + ", warm", update: warm}}, end, nil
}

// startPython starts the function's process; run is one invocation.
func startPython(ctx context.Context, r *rig, program string) (run func(context.Context) error, end func(), err error) {
	cmd := exec.CommandContext(ctx, "python3", program, r.app.Name, r.secret)
	cmd.Env = append(append(environment(), r.remotes()...), "AWS_CA_BUNDLE="+r.authorities, "HEROKU_TOKEN_SECRET_ID="+stacktest.TokenSecret)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	answers := bufio.NewScanner(out)
	run = func(context.Context) error {
		if _, err := io.WriteString(in, "\n"); err != nil {
			return err
		}
		if !answers.Scan() {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	return run, func() { in.Close(); cmd.Wait() }, nil
}

// environment is this process's environment without the variables of AWS and Heroku, and
// with invalid credentials.
func environment() []string {
	env := []string{"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE", "AWS_EC2_METADATA_DISABLED=true"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
}
