package secretstest_test

import (
	"slices"
	"testing"

	"keepcurrent.example/internal/testserver/mototest"
)

// either marks a case that moto may pass or fail, depending on its threads: it has no
// lock.
const either = "either"

// noLimit is why moto does not pass most cases of limits.
const noLimit = "takes any size"

// motoFaults are the cases that moto 5.2 does not pass, and why.
var motoFaults = map[string]string{
	"delete: a secret marked deleted can only be described": "PutSecretValue succeeds",
	"delete: the name of a secret marked deleted is taken":  "refuses with ResourceExistsException",
	"a value of 65,536 bytes is taken, a longer one is not": "takes any length",

	"put: an empty token is refused":                          "makes one up",
	"list of versions: labelled ones, and all if asked":       "lists all, asked or not",
	"list of versions: of a missing secret is not found":      "answers 500",
	"describe: lists versions with a label only":              "lists all, with no labels",
	"label: stays when AWSCURRENT leaves":                     "drops all labels of that version",
	"label: a secret has 20 at most":                          "has no limit",
	"swap: a plain read follows":                              "reads the version that was current before",
	"swap: to an unknown version is refused":                  "refuses, but has removed the label by then",
	"swap: any label that is attached needs its holder named": "asks for the holder of AWSCURRENT only",
	"list: more than 100 a page is refused":                   "takes any number",

	"remove: AWSCURRENT can only be moved":                         "removes it",
	"remove: from a version that has not got the label is refused": "takes none for any",
	"binary: a value is bytes or a text, not both":                 "takes both",

	"name: has letters, digits and /_+=.@-":           "takes any",
	"tags: have letters, digits, blanks and +-=._:/@": "takes any",
	"tags: keys that begin with aws: are AWS's":       "takes them",
	"limit: a secret's name":                          noLimit,
	"limit: a SecretId":                               "looks for a secret of that name",
	"limit: a description":                            noLimit,
	"limit: a staging label":                          noLimit,
	"limit: a staging label of a put":                 noLimit,
	"limit: a binary value":                           noLimit,
	"limit: a tag's key":                              noLimit,
	"limit: a tag's key in characters of two bytes":   noLimit,
	"limit: a tag's value":                            noLimit,
	"limit: the number of tags":                       noLimit,
	"limit: the value of a filter":                    noLimit,
	"limit: the number of a filter's values":          noLimit,
	"limit: the number of filters":                    noLimit,

	"race: of 50 equal swaps one wins":                        either,
	"race: of 15 candidates one becomes current":              either,
	"race: readers see a value at every moment of the swaps":  either,
	"race: 50 puts of one token and value make one version":   either,
	"race: of 50 puts of one token and other values one wins": either,
}

// TestConformanceMoto runs the cases against moto, which other authors wrote: a case
// that both servers pass is more than this package's own view of AWS.
func TestConformanceMoto(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("moto_server takes some seconds, and the test is to be short")
	}
	client := newClient(t, mototest.Start(t))
	for _, c := range conformanceCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fault, known := motoFaults[c.name]
			switch err := c.try(t.Context(), client, 0); {
			case fault == either:
			case known && err == nil:
				t.Errorf("moto does this right: the list of its faults is out of date (%s)", fault)
			case known:
				t.Logf("moto: %s: %v", fault, err)
			case err != nil:
				t.Errorf("%v (the rule: %s)", err, c.source)
			}
		})
	}
}

func TestMotosFaultsAreOfCasesThatThereAre(t *testing.T) {
	t.Parallel()
	for name := range motoFaults {
		if !slices.ContainsFunc(conformanceCases(), func(c conformanceCase) bool { return c.name == name }) {
			t.Errorf("no case is called %q", name)
		}
	}
}
