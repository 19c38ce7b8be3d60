package ngram

// tone is what normalising takes away and sentiment needs: capitals, marks, faces.
type tone struct {
	letters, capitals   int
	exclaims, mixed     int
	last                byte
	pleased, displeased bool
}

// toneWeight repeats a tone's feature, which would otherwise drown among the hundred that the words give.
const toneWeight = 6

func (t *tone) mark(b byte) {
	if b == '!' {
		t.exclaims++
	}
	if t.last != 0 && t.last != b {
		t.mixed++
	}
	t.last = b
}

func (t *tone) emoticon(b, next byte) {
	t.last = 0
	if b == ':' || b == '=' {
		switch next {
		case '(', '[', '/':
			t.displeased = true
		case ')', ']':
			t.pleased = true
		}
	}
}

func (t *tone) emoji(r rune) {
	t.last = 0
	switch r {
	case '😀', '😁', '😂', '😃', '😄', '😅', '😆', '😇', '😉', '😊', '😍', '🙂', '🥰', '👍', '🙏', '❤', '🎉', '👏', '💯', '🤗', '☺':
		t.pleased = true
	case '😠', '😡', '🤬', '😤', '👿', '💢', '🙄', '😒', '👎', '🖕', '😑', '🤦', '💩', '😾', '☹', '🙁', '😞', '😫', '😩':
		t.displeased = true
	}
}

// features appends the tone's features, in a fixed order.
func (t *tone) features(f []uint32) []uint32 {
	add := func(id uint64) {
		for range toneWeight {
			f = append(f, bucket((0xA4093822299F31D0^id)*prime))
		}
	}
	// Short words in capitals are names of things (ATM, OK, PIN).
	if t.letters >= 8 && t.capitals*10 >= t.letters*8 {
		add(1)
	}
	if t.exclaims >= 2 {
		add(2)
	}
	if t.mixed > 0 {
		add(3)
	}
	if t.pleased {
		add(4)
	}
	if t.displeased {
		add(5)
	}
	return f
}
