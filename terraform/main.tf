# keepcurrent's stack of CloudFormation, with the files of a release.
# docs/terraform.md says how to use it.

terraform {
  required_version = ">= 1.9" # a validation that uses path.module

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  files  = coalesce(var.release, "${path.module}/../build/release")
  bucket = concat(aws_s3_bucket.release, data.aws_s3_bucket.given)[0]

  # The template of the release, with the zips in the bucket.
  source = file("${local.files}/template.yaml")
  template = replace(replace(local.source,
    "/CodeUri: \\S*webhook-arm64\\.zip/", "CodeUri: s3://${local.bucket.id}/${aws_s3_object.function["webhook"].key}"),
    "/CodeUri: \\S*poller-arm64\\.zip/", "CodeUri: s3://${local.bucket.id}/${aws_s3_object.function["poller"].key}",
  )
}

resource "aws_s3_bucket" "release" {
  count         = var.bucket == null ? 1 : 0
  bucket_prefix = "${substr(lower(var.name), 0, 36)}-"
}

resource "aws_s3_bucket_public_access_block" "release" {
  count                   = length(aws_s3_bucket.release)
  bucket                  = aws_s3_bucket.release[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "release" {
  count  = length(aws_s3_bucket.release)
  bucket = aws_s3_bucket.release[0].id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

data "aws_s3_bucket" "given" {
  count  = var.bucket == null ? 0 : 1
  bucket = var.bucket
}

# The keys name the content, so CloudFormation sees that a file is another.
resource "aws_s3_object" "function" {
  for_each = toset(["webhook", "poller"])
  bucket   = local.bucket.id
  key      = "${var.name}/${each.key}-${filesha256("${local.files}/${each.key}-arm64.zip")}.zip"
  source   = "${local.files}/${each.key}-arm64.zip"
}

resource "aws_s3_object" "template" {
  bucket  = local.bucket.id
  key     = "${var.name}/template-${sha256(local.template)}.yaml"
  content = local.template

  lifecycle {
    # Also of the zips, on which it depends. An update that fails goes back to the old zips,
    # so they are deleted only after it has succeeded.
    create_before_destroy = true

    precondition {
      condition     = length(regexall("CodeUri: \\S*(?:webhook|poller)-arm64\\.zip", local.source)) == 2
      error_message = "template.yaml in ${local.files} does not name webhook-arm64.zip and poller-arm64.zip as its two CodeUri: take the files of one release, or run make release."
    }
  }
}

resource "aws_cloudformation_stack" "keepcurrent" {
  name         = var.name
  template_url = "https://${local.bucket.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  parameters   = local.parameters
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
}
