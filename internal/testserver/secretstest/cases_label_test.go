package secretstest_test

import "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

// labelCases are about labels that PutSecretValue attaches.
var labelCases = []conformanceCase{
	{name: "label: a put with a label leaves AWSCURRENT", source: docPut, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two", candidate)
		x.hasLabels(map[string]string{current: first, candidate: second})
		equal("value", x.value("", current), "one")
		equal("candidate", x.value("", candidate), "two")
	}},
	{name: "label: a put takes it away, and the version stays readable", source: docPut, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two", candidate)
		third := x.put("three", candidate)
		x.hasLabels(map[string]string{current: first, candidate: third})
		equal("without a label", x.value(second, ""), "two")
		equal("its labels", len(must(x.get(x.name, second, "")).VersionStages), 0)
	}},
	{name: "label: the first version is current whatever was asked for", source: docPut, run: func(x *trial) {
		must(x.client.CreateSecret(x.ctx, &secretsmanager.CreateSecretInput{Name: &x.name}))
		first := x.put("one", candidate)
		x.hasLabels(map[string]string{current: first, candidate: first})
	}},
	{name: "label: AWSCURRENT among others moves AWSPREVIOUS too", source: docPut, run: func(x *trial) {
		first := x.create("one")
		second := x.put("two", current, candidate)
		x.hasLabels(map[string]string{current: second, candidate: second, previous: first})
	}},
	{name: "label: stays when AWSCURRENT leaves", source: recorded, run: func(x *trial) {
		x.create("one")
		second := x.put("two", current, candidate)
		third := x.put("three")
		x.hasLabels(map[string]string{current: third, previous: second, candidate: second})
	}},
	{name: "label: a secret has 20 at most", source: docQuotas, run: func(x *trial) {
		first := x.create("one")
		for i := range 19 {
			ok(x.move(string(rune('A'+i)), "", first))
		}
		refused("the twenty-first", x.move("Z", "", first), "LimitExceededException")
	}},
}

// swapCases are about UpdateSecretVersionStage. A case begins with a current and a
// candidate version and ends, where it is refused, with both where they were.
var swapCases = []conformanceCase{
	{name: "swap: promotes from the version that is current", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		ok(x.move(current, first, second))
		x.hasLabels(map[string]string{current: second, candidate: second, previous: first})
		equal("value", x.value("", current), "two")
	}},
	{name: "swap: a plain read follows", source: docGet, run: func(x *trial) {
		first, second := x.pair()
		ok(x.move(current, first, second))
		equal("value", x.value("", ""), "two")
	}},
	{name: "swap: promotes a version without a label", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		third := x.put("three", candidate)
		ok(x.move(current, first, second))
		x.hasLabels(map[string]string{current: second, candidate: third, previous: first})
		equal("value", x.value("", current), "two")
	}},
	{name: "swap: from a version that is not current is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		third := x.put("three", "OTHER")
		refused("swap", x.move(current, third, second), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second, "OTHER": third})
	}},
	{name: "swap: from no version is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("swap", x.move(current, "", second), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
	{name: "swap: from an unknown version is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("swap", x.move(current, newToken(), second), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
	{name: "swap: from the version that it goes to is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("swap", x.move(current, second, second), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
	{name: "swap: to an unknown version is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("swap", x.move(current, first, newToken()), notFound, invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
	}},
	{name: "swap: the same again is refused", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		ok(x.move(current, first, second))
		refused("swap", x.move(current, first, second), invalidParameter)
		x.hasLabels(map[string]string{current: second, candidate: second, previous: first})
	}},
	{name: "swap: back to the previous version", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		ok(x.move(current, first, second))
		ok(x.move(current, second, first))
		x.hasLabels(map[string]string{current: first, previous: second, candidate: second})
		equal("value", x.value("", current), "one")
	}},
	{name: "swap: any label that is attached needs its holder named", source: docStage, run: func(x *trial) {
		first, second := x.pair()
		refused("swap", x.move(candidate, "", first), invalidParameter)
		x.hasLabels(map[string]string{current: first, candidate: second})
		ok(x.move(candidate, second, first))
		x.hasLabels(map[string]string{current: first, candidate: first})
	}},
}

// pair makes a current version with value one and a candidate with value two.
func (x *trial) pair() (string, string) { return x.create("one"), x.put("two", candidate) }
