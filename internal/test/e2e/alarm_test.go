package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/test/cloudwatch"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// A failure begins where periods of all lengths begin. What heals begins two minutes before the end
// of a quarter of an hour, so that a trouble of four minutes falls into two.
const (
	beginning = 180
	crossing  = beginning + 13
)

// ranges are other lengths of the evaluation range, which AWS does not tell: with each, the same
// alarms must go off, and none where none may.
var ranges = []int{0, 1, 5, 10}

// epoch is minute 0 of a timeline.
var epoch = time.Date(2026, time.November, 26, 0, 0, 0, 0, time.UTC)

// readTemplate reads the template once.
var readTemplate = sync.OnceValues(func() (cloudwatch.Template, error) {
	return cloudwatch.Read(filepath.Join("..", "..", "..", "template.yaml"))
})

// timeline runs the compiled functions minute by minute and collects what CloudWatch would get.
// The minutes are not real: each poll gets the time of its minute as the schedule's, and what the
// functions write in a minute is dated to it.
//
// The metrics that they embed in their logs are their own. Those of AWS (errors and throttles of
// Lambda, 5xx of the API) are a model: one value for each request, as AWS documents them.
type timeline struct {
	*shop
	data     cloudwatch.Data
	minute   int
	begins   int                          // the minute in which the trouble begins
	read     map[*lambdatest.Function]int // how much of its log
	attempts map[int]int                  // deliveries due in a minute, by how often they were tried
}

func newTimeline(s *shop) *timeline {
	return &timeline{shop: s, data: make(cloudwatch.Data), read: make(map[*lambdatest.Function]int), attempts: make(map[int]int)}
}

// pass lets one minute pass: a poll, and the deliveries that are due.
func (l *timeline) pass(polls bool) {
	if polls {
		l.poll(l.minute)
	}
	if tried, due := l.attempts[l.minute]; due {
		l.tryDelivery(tried)
	}
	l.collect()
	l.minute++
}

// poll lets a poll run in this minute that was planned for that one.
func (l *timeline) poll(planned int) {
	_, _ = l.Poller.Invoke(l.t.Context(), fmt.Appendf(nil, `{"scheduled":%q}`, epoch.Add(time.Duration(planned)*time.Minute).Format(time.RFC3339)))
}

// collect dates what the functions have written since the last time to this minute.
func (l *timeline) collect() {
	l.t.Helper()
	for id, f := range map[string]*lambdatest.Function{"PollerFunction": l.Poller, "WebhookFunction": l.Webhook} {
		log := f.Logs()
		embedded, err := cloudwatch.Embedded(log[l.read[f]:])
		l.must(err)
		l.read[f] = len(log)
		for _, m := range embedded {
			l.data.Add(cloudwatch.Metric{Namespace: m.Namespace, Name: m.Name, Of: id}, l.minute, m.Value)
		}
	}
}

// release has Heroku tell of a release in this minute. An answer that is no 2xx makes it try again
// after 1, 2, 4, 8 … minutes: Heroku says only that it goes on for 72 hours.
func (l *timeline) release() { l.attempts[l.minute] = 0 }

func (l *timeline) tryDelivery(tried int) {
	l.t.Helper()
	body := l.app.ReleaseEvent("create")
	status, answer, err := l.Deliver(l.t.Context(), body, "application/json", herokutest.Sign(stacktest.SigningKey, body))
	l.must(err)
	l.answered(status, 0, strings.Contains(string(answer), http.StatusText(500)), tried) // the API's own words
}

// answered adds the metrics of AWS for one delivery.
func (l *timeline) answered(status, throttled int, failed bool, tried int) {
	number := func(is bool) float64 {
		if is {
			return 1
		}
		return 0
	}
	l.data.Add(cloudwatch.Metric{Namespace: "AWS/ApiGateway", Name: "5xx", Of: "HttpApi"}, l.minute, number(status >= 500))
	l.data.Add(cloudwatch.Metric{Namespace: "AWS/Lambda", Name: "Throttles", Of: "WebhookFunction"}, l.minute, float64(throttled))
	if throttled == 0 { // a run that did not begin has no metric of errors
		l.data.Add(cloudwatch.Metric{Namespace: "AWS/Lambda", Name: "Errors", Of: "WebhookFunction"}, l.minute, number(failed))
	}
	if status >= 300 {
		l.attempts[l.minute+1<<tried] = tried + 1
	}
}

// raised returns after how many minutes of the trouble each alarm went off, and which alarms
// have ended since, if the evaluation range has so many further periods.
func (l *timeline) raised(further int) (raised map[string]int, ended []string) {
	l.t.Helper()
	template, err := readTemplate()
	l.must(err)
	alarms, err := template.Alarms()
	l.must(err)
	raised = make(map[string]int)
	for _, alarm := range alarms {
		states := alarm.States(l.data, l.minute, further)
		if states[l.begins-1] != cloudwatch.OK {
			l.t.Errorf("%s is on before anything has happened", alarm.ID)
		}
		if at := slices.Index(states[l.begins:], cloudwatch.ALARM); at >= 0 {
			raised[alarm.ID] = at + 1
			if states[l.minute-1] != cloudwatch.ALARM {
				ended = append(ended, alarm.ID)
			}
		}
	}
	return raised, ended
}

// A failure is what happens to a stack that was well. It returns what is done at the beginning of
// each minute, and whether there is a poll in it; nil if nothing is done and each has one.
type failure struct {
	minutes int
	passes  bool // it is over after a moment; if it is not, its alarms must stay on
	config  stacktest.Config
	open    func(t *testing.T) *shop // if not a shop with that configuration
	begin   func(l *timeline) (eachMinute func(minute int) (polls bool))
}

// for4Minutes ends a fault after four minutes.
func for4Minutes(end func()) func(int) bool {
	return func(minute int) bool {
		if minute == 4 {
			end()
		}
		return true
	}
}

func refuseAWS(action, secretID, kind string) func(secretstest.Call) secretstest.Fault {
	return func(c secretstest.Call) secretstest.Fault {
		if c.Action == action && (secretID == "" || c.SecretID == secretID) {
			return secretstest.Fail(400, kind)
		}
		return nil
	}
}

// ends kills a function in the middle of a run, as Lambda does after its time-out.
func ends(f *lambdatest.Function, action string) func(secretstest.Call) secretstest.Fault {
	return func(c secretstest.Call) secretstest.Fault {
		if c.Action != action {
			return nil
		}
		return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
			f.Kill()
			secretstest.Reset(w, r, work)
		}
	}
}

func withoutPolls(int) bool { return false }

// failures are the rows of the runbook's table.
var failures = map[string]failure{
	"a secret cannot be brought up to date: Heroku's URL does not log in": {minutes: 60, config: hurried, begin: func(l *timeline) func(int) bool {
		l.must(l.newDatabase().Refuse())
		l.release()
		return nil
	}},
	// Scheduler begins a poll within a minute of its time, and a metric has the time at which the poll ends.
	"a secret cannot be brought up to date, and polls begin so unevenly that every other minute has two and the next none": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.must(l.newDatabase().Refuse())
		return func(minute int) bool {
			if minute%2 == 1 {
				l.poll(l.minute - 1)
			}
			return minute%2 == 1
		}
	}},
	"a secret fails whose account has more apps than one poll checks": {minutes: 40, config: crowded, begin: func(l *timeline) func(int) bool {
		l.crowd()
		l.app.Unset("DATABASE_URL")
		return nil
	}},
	"the config var is gone": {minutes: 15, begin: func(l *timeline) func(int) bool {
		l.app.Unset("DATABASE_URL")
		return nil
	}},
	"Heroku's API is down for longer than ten minutes": {minutes: 15, begin: func(l *timeline) func(int) bool {
		l.Heroku.Wrap(herokutest.HTML503())
		return nil
	}},
	"Heroku refuses the token": {minutes: 15, begin: func(l *timeline) func(int) bool {
		l.Heroku.Wrap(herokutest.Refuse(401, "unauthorized"))
		return nil
	}},
	"the token secret cannot be read": {minutes: 15, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(refuseAWS("GetSecretValue", stacktest.TokenSecret, "AccessDeniedException"))
		l.Poller.Kill()
		return nil
	}},
	"the signing key cannot be read": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(refuseAWS("GetSecretValue", stacktest.SigningSecret, "AccessDeniedException"))
		l.Poller.Kill()
		l.Webhook.Kill()
		l.release()
		return nil
	}},
	"the list of secrets cannot be read": {minutes: 15, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(refuseAWS("ListSecrets", "", "AccessDeniedException"))
		return nil
	}},
	"the schedule is gone, or Lambda does not start the poller": {minutes: 25, begin: func(*timeline) func(int) bool { return withoutPolls }},
	"the poller crashes, or Lambda ends it after 300 s": {minutes: 25, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(ends(l.Poller, "ListSecrets"))
		return nil
	}},
	"the webhook crashes, or Lambda ends it after 28 s": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(ends(l.Webhook, "DescribeSecret"))
		l.release()
		return nil
	}},
	"Lambda does not start the webhook: no concurrent run is left": {minutes: 60, begin: func(l *timeline) func(int) bool {
		tries := map[int]int{0: 0}
		return func(minute int) bool {
			if tried, due := tries[minute]; due { // a model: no function runs
				l.answered(500, 1, false, tried)
				delete(l.attempts, l.minute+1<<tried)
				tries[minute+1<<tried] = tried + 1
			}
			return true
		}
	}},
	"Heroku's call is lost, and a poll finds the new password": {minutes: 10, passes: true, begin: func(l *timeline) func(int) bool {
		l.rotate()
		return nil
	}},
	"Heroku changes the password while Secrets Manager fails for two minutes": {minutes: 60, passes: true, config: hurried, begin: func(l *timeline) func(int) bool {
		end := l.failing()
		l.rotate()
		l.release()
		return func(minute int) bool {
			if minute == 2 {
				end()
			}
			return true
		}
	}},
	"Heroku changes the password, one run of the webhook crashes, and one poll is lost": {minutes: 60, passes: true, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(ends(l.Webhook, "DescribeSecret"))
		l.rotate()
		l.release()
		return func(minute int) bool {
			if minute == 1 {
				l.Secrets.Intercept(nil)
			}
			return minute != 0
		}
	}},
	"a webhook is missing, and the token may not make it": {minutes: 190, config: stacktest.Config{SelfSubscribe: true}, begin: func(l *timeline) func(int) bool {
		l.put(stacktest.TokenSecret, l.Heroku.Authorize("read-protected"))
		l.Poller.Kill()
		l.unsubscribe()
		return nil
	}},
	"Heroku refuses to make a webhook": {minutes: 190, config: stacktest.Config{SelfSubscribe: true}, begin: func(l *timeline) func(int) bool {
		l.Heroku.Wrap(herokutest.On("POST /apps/{app}/webhooks", herokutest.Refuse(422, "invalid_params")))
		l.unsubscribe()
		return nil
	}},
	"50 deliveries in five minutes are not signed with our key": {minutes: 20, passes: true, begin: func(l *timeline) func(int) bool {
		for range 50 {
			l.deliver(request{body: "{}", key: "EXAMPLE of a stranger"})
		}
		return nil
	}},
	"all bound secrets are replicas": {minutes: 10, begin: func(l *timeline) func(int) bool {
		l.Secrets.Mark("shop/database", secretstest.Kind{PrimaryRegion: "eu-central-1"})
		return nil
	}},
	"no secret is bound any more": {minutes: 10, begin: func(l *timeline) func(int) bool {
		l.untag(l.secret)
		return func(minute int) bool {
			if minute == 6 { // a new container does not end the alarm
				l.Poller.Kill()
			}
			return true
		}
	}},
	"another writer puts its value every ten minutes, and each poll puts Heroku's back": {minutes: 90, begin: func(l *timeline) func(int) bool {
		return func(minute int) bool {
			if minute%10 == 0 {
				l.put(l.secret, "postgres://u:pEXAMPLE@db.example/d")
			}
			return true
		}
	}},
	// A model: no function of ours restarts a service. The state machine tries for 315 s.
	"ECS refuses to restart the service": {minutes: 30, passes: true, begin: func(l *timeline) func(int) bool {
		return func(minute int) bool {
			if minute == 5 {
				l.data.Add(cloudwatch.Metric{Namespace: "AWS/States", Name: "ExecutionsFailed", Of: "RestartMachine"}, l.minute, 1)
			}
			return true
		}
	}},
	"apps wait for longer than twice their interval, and 30 minutes": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.create(otherToken, l.Heroku.Authorize("read-protected"))
		l.bind(l.Heroku.CreateApp("blog").Name, "blog/database", "heroku:token="+otherToken)
		l.Heroku.Wrap(herokutest.On("GET /apps/blog/config-vars", herokutest.Refuse(429, "rate_limit")))
		return nil
	}},
}

// failing makes Secrets Manager fail until the returned function is called.
func (l *timeline) failing() (end func()) {
	l.Secrets.Intercept(func(secretstest.Call) secretstest.Fault { return secretstest.Fail(500, "InternalServiceError") })
	return func() { l.Secrets.Intercept(nil) }
}

// calm raises no alarm.
var calm = map[string]failure{
	"a quiet hour": {minutes: 60, begin: func(*timeline) func(int) bool { return nil }},
	"a rotation that the webhook brings": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.subscribe()
		l.rotate()
		l.idle()
		return nil
	}},
	"a deployment": {minutes: 20, begin: func(l *timeline) func(int) bool {
		return func(minute int) bool {
			if minute == 1 {
				l.must(l.Stack.Deploy(stacktest.Config{Functions: compiled}))
			}
			return minute != 1
		}
	}},
	"Secrets Manager fails for two minutes": {minutes: 60, config: hurried, begin: func(l *timeline) func(int) bool {
		end := l.failing()
		l.release()
		return func(minute int) bool {
			if minute == 2 {
				end()
			}
			return true
		}
	}},
	"one poll is lost, and one run of the webhook crashes": {minutes: 60, begin: func(l *timeline) func(int) bool {
		l.Secrets.Intercept(ends(l.Webhook, "DescribeSecret"))
		l.release()
		return func(minute int) bool {
			if minute == 1 {
				l.Secrets.Intercept(nil)
			}
			return minute != 0
		}
	}},
	"Heroku's API is down for four minutes": {minutes: 60, config: hurried, begin: func(l *timeline) func(int) bool {
		l.release()
		return for4Minutes(l.Heroku.Wrap(herokutest.HTML503()))
	}},
	"a maintenance: for four minutes the new database takes no login": {minutes: 60, config: hurried, begin: func(l *timeline) func(int) bool {
		db := l.newDatabase()
		l.must(db.Refuse())
		l.release()
		return for4Minutes(func() { l.must(db.Accept()) })
	}},
	"Heroku's API is down for four minutes, and the account has more apps than one poll checks": {minutes: 60, config: crowded, begin: func(l *timeline) func(int) bool {
		l.crowd()
		end := func() {}
		return func(minute int) bool {
			switch minute {
			case 8: // by now the poller knows that nothing is left beside the reserve
				end = l.Heroku.Wrap(herokutest.HTML503())
			case 12:
				end()
			}
			return true
		}
	}},
	"a person edits a secret, and a poll puts Heroku's value back": {minutes: 20, begin: func(l *timeline) func(int) bool {
		l.put(l.secret, "postgres://u:pEXAMPLE@db.example/d")
		return nil
	}},
	"a new app gets its webhook ten minutes after its secret": {minutes: 190, config: stacktest.Config{SelfSubscribe: true}, begin: func(l *timeline) func(int) bool {
		untilTheNextSecond()
		l.unsubscribe()
		l.subscribe()
		l.put(stacktest.TokenSecret, l.Heroku.Authorize("read-protected"))
		l.Poller.Kill()
		l.Heroku.Provision(l.Heroku.CreateApp("mail"), l.database()) // which is checked in minute 27 of each hour
		l.bind("mail", "mail/database", "heroku:format=url")
		return func(minute int) bool {
			if minute == 10 {
				untilTheNextSecond()
				l.must(l.Subscribe(l.t.Context(), "mail"))
			}
			return true
		}
	}},
	"a secret that has another value is bound": {minutes: 20, begin: func(l *timeline) func(int) bool {
		l.create("shop/old", "postgres://u:pEXAMPLE@db.example/d")
		l.tag("shop/old", "heroku:app="+l.app.Name, "heroku:format=url")
		return nil
	}},
	"the poller's container is replaced": {minutes: 20, begin: func(l *timeline) func(int) bool {
		return func(minute int) bool {
			if minute%5 == 1 {
				l.Poller.Kill()
			}
			return true
		}
	}},
	"a consumer calls with an old version": {minutes: 20, begin: func(l *timeline) func(int) bool {
		l.call(l.secret, "EXAMPLE-of-an-old-version-of-the-secret", 3)
		return nil
	}},
	"a stack that never had a bound secret": {minutes: 60, open: func(t *testing.T) *shop {
		s := start(t, stacktest.Config{})
		return &shop{stack: s, app: s.Heroku.CreateApp("shop")}
	}, begin: func(*timeline) func(int) bool { return nil }},
}

// crowded is a stack that leaves so many requests to others that each poll checks one app.
var crowded = stacktest.Config{Env: []string{"HEROKU_RESERVE=4000"}}

// crowd binds secrets of three other apps, so that each app is checked in every fourth poll.
func (l *timeline) crowd() {
	l.t.Helper()
	l.Heroku.SetRateLimit(2000)
	l.poll(l.minute) // learns how little is left; else the next poll checks as many apps as it can before it hears
	for _, name := range []string{"blog", "mail", "wiki"} {
		l.Heroku.Provision(l.Heroku.CreateApp(name), l.database())
		l.bind(name, name+"/database", "heroku:format=url")
	}
}

// newDatabase gives the app another database, and tells nobody.
func (l *timeline) newDatabase() *postgrestest.Database {
	l.t.Helper()
	next := l.database()
	l.app.Set("DATABASE_URL", next.URL())
	return next
}

func (l *timeline) unsubscribe() {
	l.t.Helper()
	for _, id := range l.webhooks() {
		_, err := l.Platform.AppWebhookDelete(l.t.Context(), l.app.Name, id)
		l.must(err)
	}
}

func (l *timeline) untag(secret string) {
	l.t.Helper()
	_, err := l.AWS.UntagResource(l.t.Context(), &secretsmanager.UntagResourceInput{SecretId: aws.String(secret), TagKeys: []string{"heroku:app"}})
	l.must(err)
}

// live runs a failure that begins in a minute, and returns its timeline.
func live(t *testing.T, f failure, begins int) *timeline {
	t.Helper()
	open := f.open
	if open == nil {
		open = func(t *testing.T) *shop { return openShop(t, f.config) }
	}
	l := newTimeline(open(t))
	l.collect()
	l.data = make(cloudwatch.Data) // without the deployment
	for l.begins, l.minute = begins, begins-20; l.minute < begins; {
		l.pass(true)
	}
	eachMinute := f.begin(l)
	for minute := range f.minutes {
		polls := eachMinute == nil || eachMinute(minute)
		l.pass(polls)
	}
	return l
}

func TestEveryFailureRaisesExactlyTheAlarmsOfTheRunbook(t *testing.T) {
	t.Parallel()
	rows := runbookRows(t)
	if got, want := slices.Sorted(maps.Keys(rows)), slices.Sorted(maps.Keys(failures)); !slices.Equal(got, want) {
		t.Errorf("the rows of the runbook are\n%q, and the failures here\n%q", got, want)
	}
	for name, failure := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, failure, beginning)
			raised, ended := l.raised(cloudwatch.Further)
			if got := rowOf(raised); got != rows[name] {
				t.Errorf("the runbook has:\n| %s | %s |, and this raises\n| %s | %s |", name, rows[name], name, got)
			}
			if failure.passes != (len(ended) > 0) {
				t.Errorf("at the end these alarms are off again: %q", ended)
			}
			for _, further := range ranges {
				if others, _ := l.raised(further); !slices.Equal(slices.Sorted(maps.Keys(others)), slices.Sorted(maps.Keys(raised))) {
					t.Errorf("with %d further periods: %v", further, others)
				}
			}
		})
	}
}

func TestWhatHealsRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	for name, failure := range calm {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, failure, crossing)
			for _, further := range append(ranges, cloudwatch.Further) {
				if raised, _ := l.raised(further); len(raised) > 0 {
					t.Errorf("with %d further periods: %v", further, raised)
				}
			}
		})
	}
}

// rowOf are the last two cells of the runbook's row.
func rowOf(raised map[string]int) string {
	var alarms, after []string
	for _, id := range slices.SortedFunc(maps.Keys(raised), func(a, b string) int {
		if raised[a] != raised[b] {
			return raised[a] - raised[b]
		}
		return strings.Compare(a, b)
	}) {
		alarms = append(alarms, fmt.Sprintf("[%s](#%s)", id, strings.ToLower(id)))
		after = append(after, fmt.Sprintf("%d min", raised[id]))
	}
	return strings.Join(alarms, ", ") + " | " + strings.Join(after, ", ")
}

// runbookRows are the last two cells of each row of the runbook's table of failures.
func runbookRows(t *testing.T) map[string]string {
	t.Helper()
	runbook, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]string)
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| (\[\w+\]\(#\w+\)[^|]* \| \d+ min[^|]*) \|$`).FindAllStringSubmatch(string(runbook), -1) {
		rows[row[1]] = row[2]
	}
	return rows
}
