package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casetrail/casetrail/services/intake/classify"
	"github.com/casetrail/casetrail/services/router/guard"
)

// The router links no model, so its threshold is written down in three places. They must agree.
func TestTheShippedThresholdIsTheModels(t *testing.T) {
	model, err := classify.Load()
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join("..", "pipelines", "policies", "default.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := guard.Parse(document)
	if err != nil {
		t.Fatal(err)
	}
	if got := policy.Classification.Classifier; got != model.Version() {
		t.Errorf("the policy's threshold is for %s, and the model is %s", got, model.Version())
	}
	if got := policy.Classification.AIThreshold; got != model.Threshold() || got != guard.Shipped.AIThreshold {
		t.Errorf("the policy has %v, the router %v, the model %v", got, guard.Shipped.AIThreshold, model.Threshold())
	}
}

func TestRouteOf(t *testing.T) {
	ai := classify.CaseTypes[:classify.AITypes]
	for _, c := range []struct {
		found classify.Finding
		want  string
	}{
		{classify.Finding{CaseType: "refund_status", AIProbability: 0.9}, "ai"},
		{classify.Finding{CaseType: "refund_status", AIProbability: 0.8999}, "human"},
		{classify.Finding{CaseType: "dispute", AIProbability: 0.95}, "human"},
		{classify.Finding{CaseType: classify.Unknown, Bare: true}, "anyone"},
	} {
		if got, _ := routeOf(c.found, 0.9, ai); got != c.want {
			t.Errorf("%+v goes to %s", c.found, got)
		}
	}
}

func TestTrainCalibrateEval(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: training takes seconds; run without -short")
	}
	dir := t.TempDir()
	rows := filepath.Join(dir, "rows.csv")
	text := "text,case_type\nmy order is late,shipment_tracking\nwhere is the money you refund,refund_status\nthey stole from me,fraud_claim\ncharged twice,dispute\n"
	if err := os.WriteFile(rows, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "model.bin")
	if err := (&trainCommand{Files: []string{rows}, Out: model}).Run(); err != nil {
		t.Fatal(err)
	}
	err := (&calibrateCommand{File: rows, MaxLeak: 0.005, Mix: "rows", Classifier: model}).Run()
	if err == nil || !strings.Contains(err.Error(), "has learnt from 4 of its 4 rows") {
		t.Errorf("calibrate on what the model has learnt: %v", err)
	}
	fresh := filepath.Join(dir, "fresh.csv")
	text = "text,case_type\nis the sofa on the van yet please,shipment_tracking\nsome crook emptied our savings last night,fraud_claim\n"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&calibrateCommand{File: fresh, MaxLeak: 0.005, Mix: "rows", Classifier: model}).Run(); err != nil {
		t.Error(err)
	}
	if err := (&evalCommand{File: rows, Mix: "rows", Classifier: model, JSON: true}).Run(); err != nil {
		t.Error(err)
	}
	if err := (&evalCommand{File: rows, Mix: "rows", Classifier: rows}).Run(); err == nil {
		t.Error("a file of rows is taken for a model")
	}
}
