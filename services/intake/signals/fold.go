package signals

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/casetrail/casetrail/pipelines/inject"
)

// What is read of a long message, in bytes: the beginning and the end.
const (
	headBytes = 16_000
	tailBytes = 4_000
)

// own leaves out the lines that quote somebody, with a > before them, if there is anything else.
func own(text string) string {
	if !strings.Contains(text, ">") || inject.QuotesCount.Is() {
		return text
	}
	var b strings.Builder
	said := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), ">") {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(line)
		said = said || strings.ContainsFunc(line, unicode.IsLetter)
	}
	if !said {
		return text
	}
	return b.String()
}

// clip cuts the middle out of a long text, at whole characters.
func clip(text string) (head, tail string) {
	if len(text) <= headBytes+tailBytes {
		return text, ""
	}
	end, start := headBytes, len(text)-tailBytes
	for end > headBytes-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	for start < len(text)-tailBytes+utf8.UTFMax && !utf8.RuneStart(text[start]) {
		start++
	}
	return text[:end], text[start:]
}

// fold appends text in small Latin letters without marks: look-alikes become what they look like, invisible characters
// go, typographic signs become plain ones. Angry faces are counted.
func (m *message) fold(text string) {
	plain := true
	for i := 0; i < len(text) && plain; i++ {
		plain = text[i] < utf8.RuneSelf
	}
	if plain {
		for i := 0; i < len(text); i++ {
			m.letter(text[i])
		}
		return
	}
	m.raw = norm.NFKD.AppendString(m.raw[:0], text)
	for i := 0; i < len(m.raw); {
		r, size := utf8.DecodeRune(m.raw[i:])
		i += size
		switch {
		case r < utf8.RuneSelf:
			m.letter(byte(r))
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case looks[r] != "":
			for _, b := range []byte(looks[r]) {
				m.letter(b)
			}
		case unicode.IsLetter(r):
			m.text = utf8.AppendRune(m.text, unicode.ToLower(r))
			m.letters++
		default:
			m.face(r)
			m.text = append(m.text, ' ')
		}
	}
}

func (m *message) letter(b byte) {
	switch {
	case b >= 'A' && b <= 'Z' && !inject.CapitalsNotRead.Is():
		m.letters++
		m.capitals++
		b |= 0x20
	case b >= 'a' && b <= 'z':
		m.letters++
	case b == '!', b == '?' && len(m.text) > 0 && m.text[len(m.text)-1] == '?':
		m.exclaims++
	case b < ' ' && b != '\n':
		b = ' '
	}
	m.text = append(m.text, b)
}

func (m *message) face(r rune) {
	switch r {
	case '😠', '😡', '🤬', '😤', '👿', '💢', '🖕', '👎', '😾':
		m.angry++
	case '🙄', '😒', '😑', '🤦', '💩', '🤡', '😩', '😫':
		m.annoyed++
	}
}

// looks are letters of other scripts that a reader takes for Latin ones, Latin letters that do not decompose,
// typographic signs, and pictures that stand for a word.
var looks = map[rune]string{
	'а': "a", 'в': "b", 'с': "c", 'ԁ': "d", 'е': "e", 'һ': "h", 'н': "h", 'і': "i", 'ј': "j", 'к': "k", 'ӏ': "l",
	'м': "m", 'о': "o", 'р': "p", 'ѕ': "s", 'т': "t", 'у': "y", 'х': "x", 'ԝ': "w", 'ո': "n",
	'А': "A", 'В': "B", 'С': "C", 'Е': "E", 'Н': "H", 'І': "I", 'Ј': "J", 'К': "K", 'М': "M", 'О': "O", 'Р': "P",
	'Ѕ': "S", 'Т': "T", 'У': "Y", 'Х': "X",
	'α': "a", 'ε': "e", 'ι': "i", 'κ': "k", 'ν': "v", 'ο': "o", 'ρ': "p", 'τ': "t", 'υ': "u", 'χ': "x", 'γ': "y",
	'Α': "A", 'Β': "B", 'Ε': "E", 'Η': "H", 'Ι': "I", 'Κ': "K", 'Μ': "M", 'Ν': "N", 'Ο': "O", 'Ρ': "P", 'Τ': "T",
	'Υ': "Y", 'Χ': "X", 'Ζ': "Z",
	'ß': "ss", 'ẞ': "SS", 'ø': "o", 'Ø': "O", 'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ı': "i", 'ɑ': "a", 'ɡ': "g",
	'æ': "ae", 'Æ': "AE", 'œ': "oe", 'Œ': "OE",
	'’': "'", '‘': "'", 'ʼ': "'", '´': "'", 'ʹ': "'", '…': ", ", '–': ",", '—': ",", '¿': "?", '¡': "!",
	'👤': " person ", '🧑': " person ", '🤖': " robot ", '📞': " phone ", '☎': " phone ",
	'。': ".", '、': ",", '，': ",", '“': " ", '”': " ", '«': " ", '»': " ", '„': " ",
}
