package registry

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/casetrail/casetrail/pipelines/stage"
)

// The topic's format is that of Confluent's registry. The order of a key's fields matters: compaction compares bytes.
type (
	recordKey struct {
		KeyType string  `json:"keytype"`
		Subject *string `json:"subject,omitempty"`
		Version int     `json:"version,omitempty"`
		Magic   int     `json:"magic"`
	}
	configKey struct {
		KeyType string  `json:"keytype"`
		Subject *string `json:"subject"` // null is the global level
		Magic   int     `json:"magic"`
	}
	schemaValue struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
		ID      int    `json:"id"`
		Schema  string `json:"schema"`
		Deleted bool   `json:"deleted"`
	}
	configValue struct {
		Level string `json:"compatibilityLevel"`
	}
)

// change is one record of the topic; a nil value takes away what the key names.
type change struct{ key, value any }

func schemaChange(v *version, deleted bool) change {
	return change{recordKey{"SCHEMA", &v.Subject, v.Version, 1}, schemaValue{v.Subject, v.Version, v.ID, v.Schema, deleted}}
}

func levelChange(subject, level string) change {
	key := configKey{KeyType: "CONFIG"}
	if subject != "" {
		key.Subject = &subject
	}
	if level == "" {
		return change{key, nil}
	}
	return change{key, configValue{level}}
}

// write puts changes into the topic and then into the state. The caller holds the lock. Where it is not known whether
// they are in the topic, the state is read anew before the next change.
func (r *Registry) write(ctx context.Context, changes ...change) error {
	// a client that hangs up must not leave us not knowing
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	records := make([]stage.Record, 0, len(changes))
	for _, c := range changes {
		rec := stage.Record{Topic: r.topic}
		var err error
		if rec.Key, err = json.Marshal(c.key); err != nil {
			return err
		}
		if c.value != nil {
			if rec.Value, err = json.Marshal(c.value); err != nil {
				return err
			}
		}
		records = append(records, rec)
	}
	r.stale = true
	if err := r.publisher.Publish(ctx, records); err != nil {
		return fmt.Errorf("write to topic %s: %w", r.topic, err)
	}
	r.stale = false
	for _, rec := range records {
		if err := r.state.apply(rec); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reload(ctx)
}

func (r *Registry) reload(ctx context.Context) error {
	fresh := newState()
	if err := r.client.ReadAll(ctx, r.topic, fresh.apply); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	r.state, r.stale = fresh, false
	return nil
}

// apply takes one record of the topic. Kinds that it does not know are passed over.
func (s *state) apply(rec stage.Record) error {
	var key recordKey
	if err := json.Unmarshal(rec.Key, &key); err != nil {
		return fmt.Errorf("the key at offset %d is not a registry's: %w; give the registry a topic of its own", rec.Offset, err)
	}
	subject := ""
	if key.Subject != nil {
		subject = *key.Subject
	}
	var err error
	switch {
	case key.KeyType == "SCHEMA" && rec.Value == nil:
		s.drop(subject, key.Version)
	case key.KeyType == "SCHEMA":
		var v schemaValue
		if err = json.Unmarshal(rec.Value, &v); err == nil {
			s.put(&version{Subject: v.Subject, Version: v.Version, ID: v.ID, Schema: v.Schema, deleted: v.Deleted})
		}
	case key.KeyType == "CONFIG" && rec.Value == nil:
		delete(s.levels, subject)
	case key.KeyType == "CONFIG":
		var v configValue
		if err = json.Unmarshal(rec.Value, &v); err == nil && isLevel(v.Level) {
			s.levels[subject] = v.Level
		}
	case key.KeyType == "DELETE_SUBJECT" && rec.Value != nil:
		var v schemaValue
		if err = json.Unmarshal(rec.Value, &v); err == nil {
			for _, x := range s.subjects[subject] {
				x.deleted = x.deleted || x.Version <= v.Version
			}
		}
	}
	if err != nil {
		return fmt.Errorf("the value at offset %d is not a registry's: %w", rec.Offset, err)
	}
	return nil
}
