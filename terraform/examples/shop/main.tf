# The stack, a secret that follows the app shop, and the policy of those who read it.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

module "keepcurrent" {
  source      = "../.."
  alarm_email = "ops@example.com"
}

resource "aws_secretsmanager_secret" "shop" {
  name = "shop/database-url"

  tags = {
    "heroku:app" = "shop"
  }
}

data "aws_iam_policy_document" "read_shop" {
  statement {
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    resources = [aws_secretsmanager_secret.shop.arn]
  }
}

resource "aws_iam_policy" "read_shop" {
  name   = "read-shop-database-url"
  policy = data.aws_iam_policy_document.read_shop.json
}

output "secret" {
  description = "What the programs read."
  value       = aws_secretsmanager_secret.shop.arn
}

output "policy" {
  description = "Attach it to the role of each program that reads the secret."
  value       = aws_iam_policy.read_shop.arn
}

output "token_secret" {
  description = "Put a Heroku API token into this secret."
  value       = module.keepcurrent.token_secret
}
