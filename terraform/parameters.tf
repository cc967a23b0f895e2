# Made from template.yaml by go test ./internal/test/template -run Terraform -terraform.write

variable "heroku_app" {
  description = "Name or id of a Heroku app. The stack makes a secret that follows it. Leave empty to make none and tag secrets that you have."
  type        = string
  default     = null
}

variable "config_var" {
  description = "The config var that the secret follows. With the format key there can be several, with blanks between them."
  type        = string
  default     = null
}

variable "secret_format" {
  description = "json: an object with engine, host, port, username, password, dbname and the whole URL. url: the URL alone. key: an object with the URL, in which you may put other keys beside it."
  type        = string
  default     = null
}

variable "secret_key" {
  description = "Key of the URL in the formats json and key, one for each config var, with blanks between them. Empty: the config var's own name."
  type        = string
  default     = null
}

variable "secret_name" {
  description = "Name of the new secret. Empty: heroku/APP/CONFIG_VAR, with + between several. If the name is taken (secrets outlive their stack), leave the app empty and tag that secret."
  type        = string
  default     = null
}

variable "token_secret_arn" {
  description = "Whole ARN of a secret whose value is a Heroku API token. Leave empty to get a new, empty one; the stack's output says how to fill it."
  type        = string
  default     = null
}

variable "more_secret_arns" {
  description = "Whole ARNs, with commas between them, of the secrets that tags of bound secrets name: heroku:token the API token of another Heroku account, heroku:client-tls the certificates for a login (Private or Shield database, a root of your own)."
  type        = list(string)
  default     = null
}

variable "heroku_reserve" {
  description = "How many of the 4,500 requests that a Heroku account has each hour the polls and the calls of consumers leave to its other users. Heroku's deliveries may use them."
  type        = number
  default     = null
}

variable "heroku_api_url" {
  description = "Address of Heroku's API. Leave it as it is outside of tests."
  type        = string
  default     = null
}

variable "poll_minutes" {
  description = "How many minutes apart to look for what the webhook missed. It is also the longest wait for a new password if Heroku's call never comes."
  type        = number
  default     = null
}

variable "reserve_concurrency" {
  description = "true: at most one poll at a time, and ten runs kept free for the webhook, of which consumers' calls take two at most. Lambda wants 100 left unreserved, so the quota \"Concurrent executions\" must be 111 or more; new accounts have 10, and there the stack would fail."
  type        = string
  default     = null
}

variable "log_level" {
  description = "The least level that is logged. No level shows a credential."
  type        = string
  default     = null
}

variable "pause" {
  description = "on: nothing is written any more; reports go on and nothing is lost. After off, one poll catches up. To pause a single secret, tag it heroku:sync=off."
  type        = string
  default     = null
}

variable "only_tag" {
  description = "Name and value of a tag, such as team=shop. A secret that does not have it beside heroku:app is not bound for this stack, so two stacks in one account can share the secrets. The secret that the stack makes has it. Empty: all are bound."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "ARNs of customer-managed keys, with commas between them. The first one encrypts the secrets that the stack makes; bound secrets may use any of them. Each key policy must leave access to IAM, as the default one does. Remove no key while a secret is encrypted with it."
  type        = list(string)
  default     = null
}

variable "log_retention_days" {
  description = "How many days both functions' logs are kept."
  type        = number
  default     = null
}

variable "tracing" {
  description = "Active: Lambda sends traces of both functions to X-Ray. PassThrough: only if their caller traces."
  type        = string
  default     = null
}

variable "alarm_email" {
  description = "Address that hears of every alarm, and of its end; AWS asks it to confirm first. Empty: the alarms are made all the same and tell nobody."
  type        = string
  default     = null
}

variable "alarm_topic_arn" {
  description = "ARN of an SNS topic of yours that hears of every alarm, and of its end, with or without AlarmEmail. Its policy, and that of its key, must let CloudWatch in."
  type        = string
  default     = null
}

variable "runbook_url" {
  description = "Address of docs/runbook.md where your people read it. Each alarm ends with the link to its section there. The project has no public address to fill in here."
  type        = string
  default     = null
}

variable "trouble_rounds" {
  description = "After how many polls in which a binding failed or was held the alarm Trouble goes off. They need not be in a row: it looks at twice as many, and at 48 at most."
  type        = number
  default     = null
}

variable "bad_signature_limit" {
  description = "How many deliveries with a bad signature in five minutes set off the alarm BadSignatures."
  type        = number
  default     = null
}

variable "dashboard" {
  description = "true: a dashboard of CloudWatch with all metrics. AWS takes $3 a month for it, unless it is one of the account's first three."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Subnets of a VPC, with commas between them, in which both functions run: for databases that are reached only from there. They must lead out to Heroku's API, to your databases and to Secrets Manager (a NAT gateway; an endpoint does for the last one), or nothing is kept. Empty: no VPC."
  type        = list(string)
  default     = null
}

variable "security_group_ids" {
  description = "The functions' security groups in that VPC, with commas between them. They need no way in, and TCP out to port 443 and to the databases' ports."
  type        = list(string)
  default     = null
}

variable "permissions_boundary_arn" {
  description = "ARN of a policy that is the permissions boundary of every role of the stack. Empty, none."
  type        = string
  default     = null
}

variable "restart_ecs_cluster" {
  description = "Name of an ECS cluster. With a service as well, the service is deployed anew whenever the secret has a new value. Empty: nothing is restarted."
  type        = string
  default     = null
}

variable "restart_ecs_service" {
  description = "Name of the service in that cluster."
  type        = string
  default     = null
}

variable "restart_on_secret_arn" {
  description = "Whole ARN of the secret that the service reads. Empty: the one that the stack made for the Heroku app above; with neither, nothing is restarted."
  type        = string
  default     = null
}

# A variable that is null is not sent: the template's default counts.
locals {
  parameters = { for name, value in {
    HerokuApp              = var.heroku_app
    ConfigVar              = var.config_var
    SecretFormat           = var.secret_format
    SecretKey              = var.secret_key
    SecretName             = var.secret_name
    TokenSecretArn         = var.token_secret_arn
    MoreSecretArns         = var.more_secret_arns == null ? null : join(",", var.more_secret_arns)
    HerokuReserve          = var.heroku_reserve
    HerokuApiUrl           = var.heroku_api_url
    PollMinutes            = var.poll_minutes
    ReserveConcurrency     = var.reserve_concurrency
    LogLevel               = var.log_level
    Pause                  = var.pause
    OnlyTag                = var.only_tag
    KmsKeyArn              = var.kms_key_arn == null ? null : join(",", var.kms_key_arn)
    LogRetentionDays       = var.log_retention_days
    Tracing                = var.tracing
    AlarmEmail             = var.alarm_email
    AlarmTopicArn          = var.alarm_topic_arn
    RunbookUrl             = var.runbook_url
    TroubleRounds          = var.trouble_rounds
    BadSignatureLimit      = var.bad_signature_limit
    Dashboard              = var.dashboard
    SubnetIds              = var.subnet_ids == null ? null : join(",", var.subnet_ids)
    SecurityGroupIds       = var.security_group_ids == null ? null : join(",", var.security_group_ids)
    PermissionsBoundaryArn = var.permissions_boundary_arn
    RestartEcsCluster      = var.restart_ecs_cluster
    RestartEcsService      = var.restart_ecs_service
    RestartOnSecretArn     = var.restart_on_secret_arn
  } : name => value if value != null }
}
