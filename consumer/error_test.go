package consumer_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"

	"keepcurrent.example/consumer"
)

func TestAnErrorSaysAllThatIsKnownAndNothingElse(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	for _, tt := range []struct {
		err  consumer.Error
		text string
		has  []error
	}{
		{consumer.Error{Kind: consumer.ErrFull, SecretID: "shop/database"},
			"consumer: secret shop/database: the server or its pooler has no connection left", []error{consumer.ErrFull}},
		{consumer.Error{Kind: consumer.ErrFull, SecretID: "shop/database", Version: "version-1", Address: "h:5432", SQLState: "53300", Err: cause},
			"consumer: secret shop/database, version version-1, server h:5432: the server or its pooler has no connection left (SQLSTATE 53300): the cause",
			[]error{consumer.ErrFull, cause}},
	} {
		if text, has := tt.err.Error(), tt.err.Unwrap(); text != tt.text || !slices.Equal(has, tt.has) {
			t.Errorf("got %s, %v\nwant %s, %v", text, has, tt.text, tt.has)
		}
	}
}

func TestAFailedReadSaysWhatToDoAndTheCauseThatIsSafeToShow(t *testing.T) {
	t.Parallel()
	const advice = "check the secret's name, the Region and the account"
	for _, tt := range []struct {
		err  error
		text string
	}{
		{errors.New("pEXAMPLE"), "the connection to Secrets Manager broke off, or its answer could not be understood: check the network, and HTTPS_PROXY if it is set"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "dial tcp: connection refused"},
		{errors.New("pEXAMPLE: Missing Region"), "the AWS SDK knows no Region: set AWS_REGION to the secret's"},
		{&smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: "m"}, advice + ": api error ResourceNotFoundException: m"},
		{&smithy.GenericAPIError{Code: "ThrottlingException", Message: "m"}, "api error ThrottlingException: m"},
	} {
		_, err := (&consumer.Source{Client: refusing{tt.err}, SecretID: "shop/database"}).PoolConfig(t.Context())
		if want := "consumer: secret shop/database: the secret cannot be read: " + tt.text; err == nil || err.Error() != want {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// The digits may be any, and a name has long runs of letters or of digits alone.
func TestAMixOf32LettersAndDigitsMayBeAPassword(t *testing.T) {
	t.Parallel()
	shown := map[string]bool{
		strings.Repeat("a", 31) + "-1": true, strings.Repeat("a", 30) + "1": true,
		strings.Repeat("a", 32): true, strings.Repeat("Ab", 20): true, strings.Repeat("7", 32): true,
		strings.Repeat("A", 31) + "1": false, strings.Repeat("Az", 16) + "0": false,
	}
	for digit := range 10 {
		shown[fmt.Sprint(strings.Repeat("a", 31), digit)] = false
	}
	for id, want := range shown {
		err := &consumer.Error{Kind: consumer.ErrUnread, SecretID: id}
		if got := strings.Contains(err.Error(), id); got != want {
			t.Errorf("%s: shown is %v, want %v", id, got, want)
		}
	}
}
