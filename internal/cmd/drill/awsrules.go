package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

const (
	writers    = 20
	swapRounds = 5
)

// swap lets writers race for AWSCURRENT from the same version. All that the functions
// promise rests on exactly one winning.
func swap(ctx context.Context, d *drill) (outcome, error) {
	arn, err := d.makeSecret(ctx, "swap", new("first"))
	if err != nil {
		return outcome{}, err
	}
	from, err := d.current(ctx, arn)
	if err != nil {
		return outcome{}, err
	}
	// One version more than there are writers: in each round all but the current one race.
	spare := make([]string, writers)
	for i := range spare {
		spare[i] = rand.Text() + rand.Text()
		_, err := d.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
			SecretId: &arn, ClientRequestToken: &spare[i], SecretString: &spare[i], VersionStages: []string{candidate},
		})
		if err != nil {
			return outcome{}, err
		}
	}
	for n := range swapRounds {
		winner, err := d.race(ctx, arn, from, spare)
		if err != nil {
			return outcome{}, fmt.Errorf("round %d of %d: %w", n+1, swapRounds, err)
		}
		from, spare[winner] = spare[winner], from
	}
	d.tell("Is the swap of AWSCURRENT one step?", "in %d races of %d writers exactly one won, and AWSCURRENT was never seen on two versions", swapRounds, writers)
	return outcome{says: fmt.Sprintf("%d races, each with one winner; AWSCURRENT was always on one version", swapRounds)}, nil
}

// race swaps from one version to each of others at once, and returns which of them won.
func (d *drill) race(ctx context.Context, arn, from string, to []string) (winner int, err error) {
	errs := make([]error, len(to))
	start, over := make(chan struct{}), make(chan struct{})
	var racers, watcher sync.WaitGroup
	for i := range to {
		racers.Go(func() {
			<-start
			_, errs[i] = d.secrets.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
				SecretId: &arn, VersionStage: new(awsCurrent), RemoveFromVersionId: &from, MoveToVersionId: &to[i],
			})
		})
	}
	var seen error
	watcher.Go(func() {
		for {
			if _, err := d.current(ctx, arn); errors.Is(err, errTwice) {
				seen = err
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	close(start)
	racers.Wait()
	close(over)
	watcher.Wait()
	if seen != nil {
		return 0, seen
	}
	winners := 0
	for i, err := range errs {
		var lost *types.InvalidParameterException
		switch {
		case err == nil:
			winner = i
			winners++
		case !errors.As(err, &lost):
			return 0, fmt.Errorf("a writer neither won nor lost: %w", err)
		}
	}
	if winners != 1 {
		return 0, fmt.Errorf("%d of %d writers won", winners, len(to))
	}
	now, err := d.current(ctx, arn)
	if err == nil && now != to[winner] {
		err = errors.New("AWSCURRENT is on another version than that of the winner")
	}
	return winner, err
}

const listTag, listRounds = "keepcurrent:drill", 5

// list measures how long ListSecrets takes to show a new secret, and a new version of it.
func list(ctx context.Context, d *drill) (outcome, error) {
	arn, err := d.makeSecret(ctx, "list", new("0"), listTag, d.mark)
	if err != nil {
		return outcome{}, err
	}
	var lags sample
	for n := range listRounds + 1 {
		if n > 0 {
			if _, err := d.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: new(fmt.Sprint(n))}); err != nil {
				return outcome{}, err
			}
		}
		version, err := d.current(ctx, arn)
		if err != nil {
			return outcome{}, err
		}
		lag, err := until(ctx, "ListSecrets shows what DescribeSecret shows", d.pace.list, d.pace.tick, func() (bool, error) { return d.lists(ctx, arn, version) })
		if err != nil {
			return outcome{}, err
		}
		lags = append(lags, lag)
	}
	d.tell("How far does ListSecrets lag?", "a new secret showed after %s; a new version after %s (median of %d), %s at worst; to %s",
		round(lags[0]), round(lags[1:].median()), listRounds, round(lags[1:].worst()), d.pace.tick)
	return outcome{
		fmt.Sprintf("a new secret after %s, a new version after %s at worst", round(lags[0]), round(lags[1:].worst())),
		map[string]float64{"new_secret_s": seconds(lags[0]), "new_version_median_s": seconds(lags[1:].median()), "new_version_worst_s": seconds(lags[1:].worst())},
	}, nil
}

// lists reports whether ListSecrets shows a version as current.
func (d *drill) lists(ctx context.Context, arn, version string) (bool, error) {
	pages := secretsmanager.NewListSecretsPaginator(d.secrets, &secretsmanager.ListSecretsInput{
		Filters: []types.Filter{{Key: types.FilterNameStringTypeTagKey, Values: []string{listTag}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return false, err
		}
		for _, secret := range page.SecretList {
			for _, label := range secret.SecretVersionsToStages[version] {
				if *secret.ARN == arn && label == awsCurrent {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// putKey gives the stack a new signing key.
func (d *drill) putKey(ctx context.Context) error {
	if d.stack.SigningKey == "" {
		return skip("which secret holds the signing key is not known")
	}
	key := rand.Text() + rand.Text()
	d.hide = append(d.hide, key)
	_, err := d.secrets.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &d.stack.SigningKey, SecretString: &key})
	if err != nil {
		return fmt.Errorf("put a new signing key: %w", err)
	}
	return wait(ctx, time.Second) // Heroku tells the time of a webhook in whole seconds
}
