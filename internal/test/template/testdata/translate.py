"""Reads a template and sets of parameters, and writes what CloudFormation's SAM transform
makes of the template for each set. samtranslator is that transform."""

import copy
import json
import sys

from samtranslator.translator.transform import transform


class NoManagedPolicies:
    def load(self):
        return {}


job = json.load(sys.stdin)
json.dump([transform(copy.deepcopy(job["template"]), values, NoManagedPolicies()) for values in job["sets"]], sys.stdout)
