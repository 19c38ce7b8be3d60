package schemas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// Register registers the subjects' schemas at the registry at url and returns a codec with the ids it gave. Where a
// subject has no compatibility level, it is set to BACKWARD_TRANSITIVE before anything else, so that the registry refuses
// a schema that can't read what was written before. One that is registered already keeps its id, also where later ones
// followed: during an upgrade old and new programs run side by side. A registry that can't be reached is asked again until ctx is done; an answer that will not change
// (an incompatible schema, wrong credentials, a wrong path) is returned at once. Errors wrap [ErrRegistry] and name the
// URL, without its credentials, and the subject.
func Register(ctx context.Context, url string, subjects []Subject) (*Codec, error) {
	r, err := dialRegistry(url)
	if err != nil {
		return nil, err
	}
	defer r.idle()
	ids, names := map[Subject]int{}, map[int]string{}
	for _, s := range subjects {
		m, ok := New(s.Record)
		if !ok {
			return nil, fmt.Errorf("%w: subject %s: %s is not a record of Casetrail; one of: %v", ErrRegistry, s, s.Record, Names())
		}
		id, err := r.retry(ctx, s, m.SchemaJSON())
		if err != nil {
			return nil, fmt.Errorf("%w at %s: subject %s: %w", ErrRegistry, r.url, s, err)
		}
		if other := names[id]; id < 1 || id > 1<<31-1 || other != "" && other != s.Record {
			return nil, fmt.Errorf("%w at %s: subject %s: it gave id %d, which is out of range or %s's; is it a schema registry?",
				ErrRegistry, r.url, s, id, other)
		}
		ids[s], names[id] = id, s.Record
	}
	c := NewCodec(ids)
	c.learn = newLearner(r.schema)
	return c, nil
}

type registry struct {
	url    string // without credentials
	client *sr.Client
	idle   func() // closes connections that are not in use: it is asked at start, and then hardly ever
}

// retry registers one subject, again and again while the registry can't answer.
func (r *registry) retry(ctx context.Context, s Subject, text string) (int, error) {
	wait := 100 * time.Millisecond
	for {
		id, err := r.register(ctx, s.String(), sr.Schema{Schema: text, Type: sr.TypeAvro})
		if err == nil || lasting(err) {
			return id, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0, fmt.Errorf("gave up (%w) after: %w; check that the registry runs and that the address is right", context.Cause(ctx), err)
		case <-timer.C:
			wait = min(2*wait, 3*time.Second)
		}
	}
}

func (r *registry) register(ctx context.Context, subject string, schema sr.Schema) (int, error) {
	if err := r.requireCompatibility(ctx, subject); err != nil {
		return 0, err
	}
	id, err := r.client.RegisterSchema(ctx, subject, schema, -1, -1)
	if err == nil {
		return id, nil
	}
	var re *sr.ResponseError
	if !errors.As(err, &re) || re.StatusCode != http.StatusConflict {
		return 0, explain("register the schema", err)
	}
	reasons := []string{re.Error()}
	const allVersions = -2
	check, err := r.client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, allVersions, schema)
	if err == nil && len(check.Messages) > 0 {
		reasons = check.Messages // they say more
	}
	return 0, errIncompatible{reasons}
}

func (r *registry) requireCompatibility(ctx context.Context, subject string) error {
	err := r.client.Compatibility(ctx, subject)[0].Err
	if err == nil {
		return nil
	}
	if !notFound(err) {
		return explain("read the compatibility level", err)
	}
	level := sr.SetCompatibility{Level: sr.CompatBackwardTransitive}
	if err := r.client.SetCompatibility(ctx, level, subject)[0].Err; err != nil {
		return explain("set the compatibility level", err)
	}
	return nil
}

// schema is the fetcher of the codec.
func (r *registry) schema(ctx context.Context, id uint32) (string, error) {
	defer r.idle()
	s, err := r.client.SchemaByID(ctx, int(id))
	switch {
	case err == nil && (s.Type != sr.TypeAvro || len(s.References) > 0):
		return "", fmt.Errorf("%w %d: it is not a self-contained Avro schema", ErrUnknownSchema, id)
	case err == nil:
		return s.Schema, nil
	case notFound(err):
		return "", fmt.Errorf("%w %d: the registry at %s has none; was the message produced against another registry?", ErrUnknownSchema, id, r.url)
	}
	return "", fmt.Errorf("%s: %w", r.url, explain("get the schema", err))
}

func notFound(err error) bool {
	var re *sr.ResponseError
	return errors.As(err, &re) && re.StatusCode == http.StatusNotFound && re.ErrorCode != 0 && re.ErrorCode != http.StatusNotFound
}
