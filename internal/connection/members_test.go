package connection_test

import (
	"maps"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

func TestMembersContainWhatSaysTheSame(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		there, wanted string
		contained     bool
	}{
		"the same text":                   {"postgres://EXAMPLE", "postgres://EXAMPLE", true},
		"another text":                    {"postgres://EXAMPLE", "postgres://EXAMPLE2", false},
		"a text with a line end":          {"postgres://EXAMPLE\n", "postgres://EXAMPLE", false},
		"the same object":                 {`{"a":"EXAMPLE","port":5432}`, `{"a":"EXAMPLE","port":5432}`, true},
		"in another order and spelling":   {"{ \"port\" : 5432,\n\"a\":\"\\u0045XAMPLE\" }", `{"a":"EXAMPLE","port":5432}`, true},
		"with members of others":          {`{"a":"EXAMPLE","stripe":{"b":[1]}}`, `{"a":"EXAMPLE"}`, true},
		"a member is missing":             {`{"a":"EXAMPLE"}`, `{"a":"EXAMPLE","port":5432}`, false},
		"a member is another":             {`{"a":"EXAMPLE","port":5433}`, `{"a":"EXAMPLE","port":5432}`, false},
		"a member is of another type":     {`{"port":"5432"}`, `{"port":5432}`, false},
		"a member stands there twice":     {`{"a":"EXAMPLE","a":"EXAMPLE"}`, `{"a":"EXAMPLE"}`, false},
		"both stand there twice":          {`{"a":"EXAMPLE","a":"EXAMPLE"}`, `{"a":"EXAMPLE","a":"EXAMPLE"}`, false},
		"numbers that one float64 holds":  {`{"a":12345678901234567890}`, `{"a":12345678901234567891}`, false},
		"an empty text for an object":     {" ", `{"a":"EXAMPLE"}`, false},
		"a list of a name and a value":    {`["a","EXAMPLE"]`, `{"a":"EXAMPLE"}`, false},
		"an object for a text":            {`{"a":"EXAMPLE"}`, "EXAMPLE", false},
		"a text for an object":            {"EXAMPLE", `{"a":"EXAMPLE"}`, false},
		"a member without a name":         {`{"":"EXAMPLE"}`, "EXAMPLE", false},
		"an object that is cut":           {`{"a":"EXAMPLE"`, `{"a":"EXAMPLE"}`, false},
		"an object with more behind it":   {`{"a":"EXAMPLE"}{}`, `{"a":"EXAMPLE"}`, false},
		"names in other cases":            {`{"A":"EXAMPLE"}`, `{"a":"EXAMPLE"}`, false},
		"nested objects in another order": {`{"n":{"x":1,"y":2}}`, `{"n":{"y":2,"x":1}}`, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there, wanted := connection.MembersOf(credential.New(tt.there)), connection.MembersOf(credential.New(tt.wanted))
			if got := there.Contain(wanted); got != tt.contained {
				t.Errorf("contained: %t", got)
			}
		})
	}
}

func TestMembersOfSomeNamesAreThoseAlone(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]connection.Members{
		`{"a":"EXAMPLE","b":1,"c":2}`: connection.MembersOf(credential.New(`{"a":"EXAMPLE","c":2}`)),
		`{"b":1}`:                     {},
		"EXAMPLE":                     connection.MembersOf(credential.New("EXAMPLE")),
	} {
		if got := connection.MembersOf(credential.New(value)).Only("a", "c", "d"); !maps.Equal(got, want) {
			t.Errorf("%s: %d members", value, len(got))
		}
	}
}
