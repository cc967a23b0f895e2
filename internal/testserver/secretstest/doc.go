// Package secretstest is AWS Secrets Manager for tests and for the demo: a server
// in memory that answers the AWS SDK and the aws command as the real one does, for the
// actions that this project uses.
//
//	server := secretstest.NewServer()
//	defer server.Close()
//	client := server.Client() // or any client, with server.URL for its endpoint
//
// # What it follows
//
// A secret is a set of versions that never change, and a set of staging labels,
// each attached to one version:
//
//   - The ClientRequestToken of a write becomes the id of its version. The same
//     token with the same value changes nothing, labels included; with another
//     value it is a ResourceExistsException ([PutSecretValue]).
//   - A put without VersionStages moves AWSCURRENT; one with VersionStages
//     attaches these and leaves AWSCURRENT alone. The first version of a secret
//     gets AWSCURRENT in any case ([PutSecretValue]).
//   - Wherever AWSCURRENT goes, AWSPREVIOUS goes to the version that it left
//     ([UpdateSecretVersionStage]). That version keeps its other labels (recorded
//     on AWS by LocalStack's tests).
//   - UpdateSecretVersionStage is a compare-and-swap: a label that is attached
//     moves only if RemoveFromVersionId names the version that has it. Check and move
//     are one step here. AWS does not promise that, so nothing may depend on it.
//   - A version without a label can be read and promoted by its id until it is
//     removed: the oldest go when there are more than 100, but none younger than
//     24 hours ([quotas]).
//   - AWSCURRENT can be moved, and not removed; any other label can be removed from
//     the version that has it ([UpdateSecretVersionStage]).
//   - The list may lag, goes by pages of at most 100 ([ListSecrets]), and is
//     filtered by prefixes of tags ([Filter]).
//   - A secret has the dates of its making, its last change and its last read (the
//     day alone). One that is marked deleted can be described and restored
//     ([RestoreSecret]).
//   - Names, tags, labels, tokens and values have AWS's limits: limits.go has them
//     with their sources.
//
// # Limits
//
// Requests must carry a SigV4 Authorization header, whose signature is not
// checked. There is no IAM, no KMS (a key is stored, and encrypts nothing), and no
// resource policy. Nothing is replicated or rotated, but a test can mark a secret as a
// replica, as rotated, or as another service's ([Server.Mark]). AWSPENDING is
// a label like any other. A secret that is marked deleted is not deleted when its
// recovery window ends. An action or a parameter that the server does not know is
// refused, never ignored.
//
// The conformance test of this package runs the same cases against this server,
// against moto and, given an address, against AWS itself.
//
// [PutSecretValue]: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
// [UpdateSecretVersionStage]: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
// [ListSecrets]: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
// [Filter]: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html
// [RestoreSecret]: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RestoreSecret.html
// [quotas]: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
package secretstest
