package secretstest

import (
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// Client returns a client of the server. It ignores the AWS variables of the environment.
func (s *Server) Client() *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &s.URL,
		Credentials:  credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
	})
}
