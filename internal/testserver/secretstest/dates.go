package secretstest

import (
	"strconv"
	"time"
)

// dates are when things happened to a secret, as DescribeSecret and ListSecrets
// report them:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
type dates struct {
	CreatedDate      epoch
	LastChangedDate  epoch // by any write, of tags too
	LastAccessedDate epoch `json:",omitzero"` // the day on which a value was last read
	// DeletedDate is the end of the recovery window of a secret marked deleted.
	DeletedDate epoch `json:",omitzero"`
}

// epoch is a time as JSON 1.1 has it: seconds since 1970, with milliseconds.
type epoch struct{ time.Time }

func (e epoch) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(e.UnixMilli())/1000, 'f', 3, 64), nil
}

// day is the midnight before a time, in UTC: AWS tells no more of a read.
func day(t time.Time) epoch { return epoch{t.UTC().Truncate(24 * time.Hour)} }
