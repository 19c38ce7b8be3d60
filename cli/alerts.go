package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/casetrail/casetrail/cli/deliver"
	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/process"
	"github.com/casetrail/casetrail/schemas"
)

type alertsCommand struct {
	Deliver deliverCommand `cmd:"" help:"Deliver alerts as they come, each at least once, until it is interrupted."`
	Secret  secretCommand  `cmd:"" help:"Make the secret that a webhook's bodies are signed with."`
}

type deliverCommand struct {
	process.Config `embed:""`
	Webhook        string `env:"CASETRAIL_WEBHOOK" placeholder:"URL" help:"Where each alert is posted as a Standard Webhook, signed."`
	SecretFile     string `name:"webhook-secret-file" env:"CASETRAIL_WEBHOOK_SECRET_FILE" default:"data/keys/webhook.secret" placeholder:"FILE" help:"The secret that bodies are signed with."`
	Alertmanager   string `env:"CASETRAIL_ALERTMANAGER" placeholder:"URL" help:"Prometheus Alertmanager, such as http://127.0.0.1:9093."`
}

// Run delivers until it is interrupted.
func (c *deliverCommand) Run(ctx context.Context) error {
	receivers, err := c.receivers()
	if err != nil {
		return err
	}
	codec, err := schemas.Register(ctx, c.Registry, pipelines.Subjects(pipelines.Delivery))
	if err != nil {
		return err
	}
	host, err := process.NewHost(c.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = host.Log.Sync() }() // standard error need not support it
	all := map[*process.Shell]func(context.Context, *process.Shell) error{}
	for _, to := range receivers {
		all[host.Shell(pipelines.Delivery+"-"+to.Name(), c.Config)] = func(ctx context.Context, shell *process.Shell) error {
			keep, err := deliver.NewKeeper(shell)
			if err != nil {
				return err
			}
			return shell.RunStage(ctx, deliver.Definition(ctx, codec, to, keep, deliver.DefaultPace))
		}
	}
	return host.Run(ctx, c.Admin, all)
}

// receivers are those that are named; everything that is wrong with them is reported at once.
func (c *deliverCommand) receivers() (out []deliver.Receiver, err error) {
	errs := []error{c.Validate()}
	client := deliver.NewClient()
	if c.Webhook != "" {
		u, err := deliver.CheckURL("--webhook", c.Webhook, c.AllowPlaintext)
		secret, bad := deliver.LoadSecret(c.SecretFile)
		errs = append(errs, err, bad)
		out = append(out, &deliver.Webhook{URL: u, Secret: secret, Client: client, Fields: fields, Now: time.Now})
	}
	if c.Alertmanager != "" {
		u, err := deliver.CheckURL("--alertmanager", c.Alertmanager, c.AllowPlaintext)
		errs = append(errs, err)
		out = append(out, &deliver.Alertmanager{URL: u, Client: client, Now: time.Now})
	}
	if len(out) == 0 {
		errs = append(errs, errors.New("nowhere to deliver to: name --webhook, --alertmanager or both"))
	}
	return out, errors.Join(errs...)
}

type secretCommand struct {
	File string `arg:"" optional:"" default:"data/keys/webhook.secret" help:"Where to write it; what is there stays."`
}

// Run makes a secret.
func (c *secretCommand) Run() error {
	if err := os.MkdirAll(filepath.Dir(c.File), 0o700); err != nil {
		return err
	}
	if err := deliver.CreateSecret(c.File); err != nil {
		return err
	}
	fmt.Printf("secret: %s (the receiver needs it too; whoever has it can sign)\n", c.File)
	return nil
}
