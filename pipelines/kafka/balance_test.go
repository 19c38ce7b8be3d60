package kafka

import (
	"slices"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

func partitionsOf(counts map[string]int) (out []kafkago.Partition) {
	for topic, n := range counts {
		for p := range n {
			out = append(out, kafkago.Partition{Topic: topic, ID: p})
		}
	}
	return out
}

func member(id string, owned ...int32) kafkago.GroupMember {
	b := balancer{}
	b.keep(owned)
	data, _ := b.UserData()
	return kafkago.GroupMember{ID: id, UserData: data}
}

func TestCopartitionedStayTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "partitions")
		var members []kafkago.GroupMember
		for i := range rapid.IntRange(1, 5).Draw(rt, "members") {
			members = append(members, member(string(rune('a'+i)), rapid.SliceOf(rapid.Int32Range(0, 15)).Draw(rt, "owned")...))
		}
		parts := partitionsOf(map[string]int{"a": n, "b": n, "c": 1})
		owner := map[int]string{}
		load := map[string]int{}
		total := 0
		for id, topics := range (&balancer{}).AssignGroups(slices.Clone(members), parts) {
			for _, ps := range topics {
				total += len(ps)
				for _, p := range ps {
					if was, ok := owner[p]; ok && was != id {
						rt.Fatalf("partition %d is with %s and %s", p, was, id)
					} else if !ok {
						owner[p] = id
						load[id]++
					}
				}
			}
		}
		if total != len(parts) || len(owner) != n {
			rt.Fatalf("%d of %d given away", total, len(parts))
		}
		for _, m := range members {
			if load[m.ID] < n/len(members) || load[m.ID] > (n+len(members)-1)/len(members) {
				rt.Fatalf("%s has %d of %d", m.ID, load[m.ID], n)
			}
		}
	})
}

func TestMembersKeepWhatTheyHad(t *testing.T) {
	got := (&balancer{}).AssignGroups([]kafkago.GroupMember{member("new"), member("z", 0, 3), member("y", 1, 2)}, partitionsOf(map[string]int{"a": 6}))
	for id, want := range map[string][]int{"z": {0, 3}, "y": {1, 2}} {
		for _, p := range want {
			if !slices.Contains(got[id]["a"], p) {
				t.Errorf("%s lost %d: %v", id, p, got)
			}
		}
	}
	if len(got["new"]["a"]) != 2 {
		t.Error(got)
	}
}

func TestSingleStaysWithItsOwner(t *testing.T) {
	got := (&balancer{single: true}).AssignGroups([]kafkago.GroupMember{member("a"), member("b", 0)}, partitionsOf(map[string]int{"x": 4, "y": 4}))
	if len(got["b"]["x"]) != 4 || len(got["b"]["y"]) != 4 || len(got["a"]["x"]) != 0 {
		t.Error(got)
	}
}

// A broker that has just come back may know nothing of a topic: the assignment then leaves it out, and must not stay.
func TestBalancerSaysWhatItLeavesOut(t *testing.T) {
	b := &balancer{}
	members := []kafkago.GroupMember{{ID: "m", Topics: []string{"a", "b"}}}
	b.AssignGroups(members, []kafkago.Partition{{Topic: "a"}})
	if missing := b.incomplete(); len(missing) != 1 || missing[0] != "b" {
		t.Errorf("missing %q", missing)
	}
	if missing := b.incomplete(); len(missing) != 0 {
		t.Errorf("said twice: %q", missing)
	}
	b.AssignGroups(members, []kafkago.Partition{{Topic: "a"}, {Topic: "b"}})
	if missing := b.incomplete(); len(missing) != 0 {
		t.Errorf("missing %q of all", missing)
	}
}
