# What the module itself needs. The stack's parameters are in parameters.tf.

variable "name" {
  description = "Name of the stack."
  type        = string
  default     = "keepcurrent"
}

variable "release" {
  description = "Folder with webhook-arm64.zip, poller-arm64.zip and template.yaml of one release. Null: build/release of this checkout, which make release fills."
  type        = string
  default     = null

  validation {
    condition = alltrue([for name in ["webhook-arm64.zip", "poller-arm64.zip", "template.yaml"] :
      fileexists("${coalesce(var.release, "${path.module}/../build/release")}/${name}")
    ])
    error_message = "The folder must have webhook-arm64.zip, poller-arm64.zip and template.yaml: set release to a folder with the files of a release, or run make release in the checkout."
  }
}

variable "bucket" {
  description = "Name of a bucket that exists, in the stack's Region, for the zips and the template. Null: the module makes one, private and encrypted."
  type        = string
  default     = null
}
