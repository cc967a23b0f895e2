package awscli

import "testing"

func TestAComplaintHasNoLinesOfProgress(t *testing.T) {
	t.Parallel()
	for complaint, want := range map[string]string{
		"\nAn error occurred: no\n": "An error occurred: no",
		"\rUploading to kc/1.template 10 / 64650 (0.01%)\rUploading to kc/1.template 64650 / 64650 (100.00%)\n\nAn error\nin two lines\n": "An error\nin two lines",
		"\n": "",
	} {
		if got := plain(complaint); got != want {
			t.Errorf("%q: got %q, want %q", complaint, got, want)
		}
	}
}
