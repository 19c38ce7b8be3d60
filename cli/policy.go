package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
	"github.com/casetrail/casetrail/pipelines/stage"
	"github.com/casetrail/casetrail/schemas"
	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

type policyCommand struct {
	Check checkPolicyCommand `cmd:"" help:"Check a policy file and say everything that is wrong with it."`
	Apply applyPolicyCommand `cmd:"" help:"Check, sign and publish a policy. It takes effect in each partition at the offset where it stands."`
}

type checkPolicyCommand struct {
	File string `arg:"" type:"existingfile" help:"The policy, YAML."`
}

// Run checks a policy.
func (c *checkPolicyCommand) Run() error {
	b, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	p, err := guard.Parse(b)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	fmt.Printf("policy %s is good: ai_handles %v where their probability is at least %v, human_only %v, everything else goes to a human\n",
		p.Version, p.Routes.AIHandles, p.Classification.AIThreshold, p.Routes.HumanOnly)
	return warn(p)
}

// warn says on standard error what is allowed, but hardly meant.
func warn(p *guard.Policy) error {
	model, err := classify.Load()
	if err != nil {
		return err
	}
	for _, w := range warnings(p, model.Version()) {
		fmt.Fprintf(os.Stderr, "casetrail: policy %s: %s\n", p.Version, w)
	}
	return nil
}

func warnings(p *guard.Policy, classifier string) []string {
	var out []string
	if c := p.Classification.Classifier; c != "" && c != classifier {
		out = append(out, fmt.Sprintf("classification.ai_threshold %v was reckoned for classifier %s, and the one built in is %s: what leaks at that threshold is not known; "+
			"reckon it again with casetrail calibrate", p.Classification.AIThreshold, c, classifier))
	}
	for _, t := range slices.Concat(p.Routes.AIHandles, p.Routes.HumanOnly) {
		if !slices.Contains(classify.CaseTypes, t) {
			out = append(out, fmt.Sprintf("routes name %s, which the built-in classifier never finds: only a classifier of your own (--classifier-url) or a human's correction gives a case that type", t))
		}
	}
	for _, t := range p.Routes.AIHandles {
		if !slices.Contains(classify.CaseTypes, t) {
			continue
		}
		if !slices.Contains(classify.CaseTypes[:classify.AITypes], t) {
			out = append(out, fmt.Sprintf("routes.ai_handles names %s, which the classifier does not count among an AI's types: nearly all of them will go to a human", t))
		}
	}
	return out
}

type applyPolicyCommand struct {
	cluster `embed:""`
	File    string `arg:"" type:"existingfile" help:"The policy, YAML."`
	Key     string `default:"data/keys/operator.key" placeholder:"FILE" help:"The operator's signing key."`
}

// Run publishes a policy and waits until every partition has it.
func (c *applyPolicyCommand) Run(ctx context.Context) error {
	document, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	key, err := readSigner(c.Key)
	if err != nil {
		return err
	}
	client, codec, err := c.connect(ctx, "")
	if err != nil {
		return err
	}
	defer client.Close()
	p, err := guard.Parse(document)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if err := warn(p); err != nil {
		return err
	}
	version, err := applyPolicy(ctx, client, codec, document, key)
	if err != nil {
		return err
	}
	fmt.Printf("policy %s is in force in every partition\n", version)
	return nil
}

// policyTime bounds the wait for intake to take a policy.
const policyTime = 30 * time.Second

// applyPolicy publishes a policy and waits until intake has passed it on to every partition, or has rejected it.
func applyPolicy(ctx context.Context, client *kafka.Client, codec *schemas.Codec, document []byte, key note.Signer) (version string, err error) {
	change, err := guard.Sign(document, key)
	if err != nil {
		return "", err
	}
	parts, err := client.Partitions(ctx, pipelines.CaseEvents)
	if err != nil {
		return "", err
	}
	from := map[stage.TopicPartition]int64{}
	for _, topic := range []string{pipelines.CaseEvents, pipelines.ChatRejects} {
		bounds, err := client.Offsets(ctx, topic)
		if err != nil {
			return "", err
		}
		for p, b := range bounds {
			from[stage.TopicPartition{Topic: topic, Partition: p}] = b.End
		}
	}
	pub := kafka.NewPublisher(client, nil)
	defer pub.Close()
	value := codec.Append(nil, pipelines.ChatEvents, change)
	if err := pub.Publish(ctx, []stage.Record{{Topic: pipelines.ChatEvents, Key: []byte("policy"), Value: value}}); err != nil {
		return "", fmt.Errorf("publish the policy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, policyTime)
	defer cancel()
	has := map[int32]bool{}
	err = client.Tail(ctx, []string{pipelines.CaseEvents, pipelines.ChatRejects}, from, nil, func(r stage.Record) error {
		if err := codec.Await(ctx, r.Value); err != nil {
			return err
		}
		m, err := codec.Decode(r.Value)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *schemas.PolicyChange:
			if m.Note == change.Note {
				has[r.Partition] = true
			}
		case *schemas.ChatReject:
			if m.Reason == "bad_policy" && string(m.Value.Value) == string(value) {
				return fmt.Errorf("intake refused policy %s: %s", change.Version, m.Detail)
			}
		}
		if len(has) == int(parts[pipelines.CaseEvents]) {
			return errDone
		}
		return nil
	})
	if errors.Is(err, errDone) {
		return change.Version, nil
	}
	if err == nil {
		err = fmt.Errorf("policy %s is published, but intake has not taken it within %v; is intake running?", change.Version, policyTime)
	}
	return "", err
}

// errDone ends a tail that has seen what it waits for.
var errDone = errors.New("done")
