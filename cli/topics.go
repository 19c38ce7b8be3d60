package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/casetrail/casetrail/pipelines"
	"github.com/casetrail/casetrail/pipelines/kafka"
)

type topicsCommand struct {
	Print  printTopicsCommand  `cmd:"" default:"withargs" help:"Print the table; no cluster is needed."`
	Create createTopicsCommand `cmd:"" help:"Make the topics that are missing, and check those that are there."`
}

type printTopicsCommand struct{}

// Run prints the topology.
func (printTopicsCommand) Run() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TOPIC\tKEY\tRECORDS\tWRITERS\tREADERS\tCONFIGURATION\tHOLDS")
	for _, t := range pipelines.Topology() {
		var config []string
		for _, k := range slices.Sorted(maps.Keys(t.Config)) {
			config = append(config, k+"="+t.Config[k])
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.Key, strings.ReplaceAll(strings.Join(t.Records, ","), "casetrail.", ""),
			strings.Join(t.Writers, ","), strings.Join(t.Readers, ","), strings.Join(config, " "), t.Holds)
	}
	return w.Flush()
}

type createTopicsCommand struct {
	cluster    `embed:""`
	Partitions int `default:"4" help:"Partitions of each topic that has more than one. It can't be changed later: a case belongs to a partition."`
	Replicas   int `default:"0" help:"Replicas of each topic; 0 for the cluster's default."`
}

// Run makes the topics.
func (c *createTopicsCommand) Run(ctx context.Context) error {
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return createTopics(ctx, client, c.Partitions, c.Replicas)
}

func createTopics(ctx context.Context, client *kafka.Client, partitions, replicas int) error {
	var topics []kafka.Topic
	for _, t := range pipelines.Topology() {
		n := partitions
		if t.Single {
			n = 1
		}
		topics = append(topics, kafka.Topic{Name: t.Name, Partitions: n, Replicas: replicas, Config: t.Config})
	}
	return kafka.EnsureTopics(ctx, client, topics)
}
