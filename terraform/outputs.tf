# Made from template.yaml by go test ./internal/test/template -run Terraform -terraform.write

output "dashboard" {
  description = "What the functions did, measured."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "Dashboard", null)
}

output "restarts" {
  description = "The service that is restarted when the secret has a new value."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "Restarts", null)
}

output "webhook_url" {
  description = "Where Heroku delivers."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "WebhookUrl", null)
}

output "token_secret" {
  description = "The secret that holds the Heroku API token."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "TokenSecret", null)
}

output "signing_key" {
  description = "The secret that holds the key that signs the webhooks."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "SigningKey", null)
}

output "bound_secret" {
  description = "The secret that follows the first app. Let your workloads read this ARN."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "BoundSecret", null)
}

output "reader_policy" {
  description = "What the role of a workload that reads the bound secret must be allowed."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "ReaderPolicy", null)
}

output "webhook_function" {
  description = "The function that Heroku calls."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "WebhookFunction", null)
}

output "poller_function" {
  description = "The function on the schedule."
  value       = lookup(aws_cloudformation_stack.keepcurrent.outputs, "PollerFunction", null)
}
