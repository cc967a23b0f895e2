package main

import "context"

func rules(ctx context.Context, d *drill) (outcome, error) { return outcome{}, skip("") }
