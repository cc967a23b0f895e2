package secretstest_test

// either marks a case that moto may pass or fail, as its threads happen to run: it
// has no lock.
const either = "either"

// motoFaults are the cases that moto 5.2 does not pass, and why.
var motoFaults = map[string]string{
	"create: a name with a character that AWS does not take is refused": "takes any name",
	"delete: a secret marked deleted refuses until it is restored":      "PutSecretValue succeeds",
	"delete: the name of a secret marked deleted is taken":              "refuses with ResourceExistsException",
	"a value of 65,536 bytes is taken, a longer one is not":             "takes any length",

	"put: an empty token is refused":                                  "makes one up",
	"put: the same token with another value is refused while pending": "overwrites the value",
	"list of versions: labelled ones, and all if asked":               "lists all, asked or not",
	"list of versions: of a missing secret is not found":              "answers 500",
	"describe: lists versions with a label only":                      "lists all, with no labels",
	"label: stays when AWSCURRENT leaves, and AWSPENDING goes":        "drops all labels of that version",
	"label: more than 20 in one put are refused":                      "has no limit",
	"label: a secret has 20 at most":                                  "has no limit",
	"swap: a plain read follows":                                      "reads the version that was current before",
	"swap: to an unknown version is refused":                          "refuses, but has removed the label by then",
	"swap: any label that is attached needs its holder named":         "asks for the holder of AWSCURRENT only",
	"swap: AWSCURRENT is never removed":                               "removes it",
	"swap: of no version to no version is refused":                    "succeeds",
	"batch: more than 20 secrets are refused":                         "has no limit",
	"list: an exclamation mark negates":                               "is content with any other tag",
	"list: more than 100 a page is refused":                           "takes any number",

	"race: of 50 equal swaps one wins":                        either,
	"race: of 15 candidates one becomes current":              either,
	"race: readers see a value at every moment of the swaps":  either,
	"race: 50 puts of one token and value make one version":   either,
	"race: of 50 puts of one token and other values one wins": either,
}
