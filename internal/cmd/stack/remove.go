package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"keepcurrent.example/internal/cmd/awscli"
)

// subscribed is an app whose secrets are bound, and the secret with its token, if that is
// another than the stack's.
type subscribed struct {
	App   string `json:"unsubscribe"`
	Token string `json:"token,omitempty"`
}

// remove takes the webhooks away, then the stack. The secrets stay.
func (s *stack) remove(ctx context.Context, in io.Reader, yes bool) error {
	now, err := s.existing(ctx)
	if err != nil {
		return err
	}
	if !now.isOurs() {
		return fmt.Errorf("the stack %s is not one of keepcurrent's: it has no parameter PollMinutes", s.name)
	}
	apps, secrets, err := s.bound(ctx, now.parameter("OnlyTag"))
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "These secrets stay, with their values, and nothing updates them any more: %s\n", listed(secrets))
	if !yes && !agrees(in, s.out, fmt.Sprintf("Remove the stack %s? [y/N] ", s.name)) {
		return errors.New("nothing was removed; without a terminal say YES=1")
	}
	if now.output("PollerFunction") != "" {
		if err := s.pause(ctx, now); err != nil {
			return err
		}
		for _, app := range apps {
			if err := s.unsubscribe(ctx, now, app); err != nil {
				return err
			}
		}
	}
	s.seen = time.Now().Add(-time.Second)
	if _, err := s.run(ctx, "cloudformation", "delete-stack", "--stack-name", s.name); err != nil {
		return err
	}
	err = s.follow(ctx, func() error {
		_, err := s.run(ctx, "cloudformation", "wait", "stack-delete-complete", "--stack-name", s.name)
		return err
	})
	if err != nil {
		return fmt.Errorf("the stack was not removed: %w", err)
	}
	fmt.Fprintf(s.out, "\nthe stack is removed. What is left for you:\n\nrevoke its token\nheroku authorizations\nheroku authorizations:revoke ID\n")
	if token := now.output("TokenSecret"); token != "" {
		fmt.Fprintf(s.out, "\ndelete the secret of the token, unless another stack uses it\naws secretsmanager delete-secret --region %s --secret-id %s\n", s.region, token)
	}
	return nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none is bound"
	}
	return strings.Join(names, ", ")
}

// agrees asks a person.
func agrees(in io.Reader, out io.Writer, question string) bool {
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return false
		}
	}
	fmt.Fprint(out, question)
	answer, _ := bufio.NewReader(in).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// bound returns the apps that the stack's bound secrets follow, and the secrets' names. With
// onlyTag, NAME=VALUE, the others are another stack's.
func (s *stack) bound(ctx context.Context, onlyTag string) (apps []subscribed, secrets []string, err error) {
	var answer struct {
		SecretList []struct {
			Name string
			Tags []struct{ Key, Value string }
		}
	}
	if err := s.ask(ctx, &answer, "secretsmanager", "list-secrets", "--filters", "Key=tag-key,Values=heroku:app"); err != nil {
		return nil, nil, fmt.Errorf("which secrets are bound: %w", err)
	}
	known := make(map[subscribed]bool)
	for _, secret := range answer.SecretList {
		var app subscribed
		ours := onlyTag == ""
		for _, tag := range secret.Tags {
			ours = ours || tag.Key+"="+tag.Value == onlyTag
			switch tag.Key {
			case "heroku:app":
				app.App = tag.Value
			case "heroku:token":
				app.Token = tag.Value
			}
		}
		if app.App == "" || !ours { // the filter matches the beginning of a key
			continue
		}
		secrets = append(secrets, secret.Name)
		if !known[app] {
			known[app] = true
			apps = append(apps, app)
		}
	}
	slices.Sort(secrets)
	return apps, secrets, nil
}

// pause keeps the poller from subscribing again.
func (s *stack) pause(ctx context.Context, now described) error {
	fmt.Fprintln(s.out, "pausing the stack, so that the poller does not subscribe again")
	args := []string{"cloudformation", "update-stack", "--stack-name", s.name, "--use-previous-template",
		"--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--parameters", "ParameterKey=Pause,ParameterValue=on"}
	for _, p := range now.Parameters {
		if p.ParameterKey != "Pause" {
			args = append(args, "ParameterKey="+p.ParameterKey+",UsePreviousValue=true")
		}
	}
	_, err := s.run(ctx, args...)
	if awscli.Says(err, "No updates are to be performed") {
		return nil
	}
	if err == nil {
		_, err = s.run(ctx, "cloudformation", "wait", "stack-update-complete", "--stack-name", s.name)
	}
	if err != nil {
		return fmt.Errorf("pause the stack: %w", err)
	}
	return nil
}

// unsubscribe removes the webhook of an app: by the poller, or else with the person's own
// Heroku login, because the stack's token may only read, or there is none.
func (s *stack) unsubscribe(ctx context.Context, now described, app subscribed) error {
	fmt.Fprintf(s.out, "removing the webhook of the app %s\n", app.App)
	byPoller := s.askPoller(ctx, now.output("PollerFunction"), app)
	if byPoller == nil || ctx.Err() != nil {
		return byPoller
	}
	fmt.Fprintln(s.out, "the poller could not: trying your own Heroku login")
	webhooks, err := s.webhooks(ctx, now)
	if err == nil {
		_, err = webhooks.Remove(ctx, app.App)
	}
	if err != nil {
		return fmt.Errorf("the webhook of the app %s was not removed\n  by the poller: %w\n  with your own login: %w\nRemove it yourself (heroku webhooks -a %s; heroku webhooks:remove ID -a %s). For make remove, also take the tag heroku:app from its secrets, and run it again",
			app.App, byPoller, aboutLogin(err), app.App, app.App)
	}
	return nil
}

// askPoller has the poller remove the webhook of an app.
func (s *stack) askPoller(ctx context.Context, poller string, app subscribed) error {
	event, err := json.Marshal(app)
	if err != nil {
		return err
	}
	answer, err := awscli.Invoke(ctx, poller, string(event), "--region", s.region)
	if err != nil {
		return err
	}
	var says struct{ ErrorMessage string }
	if err := json.Unmarshal(answer, &says); err != nil {
		return fmt.Errorf("its answer is no JSON: %w", err)
	}
	if says.ErrorMessage != "" {
		return errors.New(says.ErrorMessage)
	}
	return nil
}
