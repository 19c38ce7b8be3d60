package main

import "fmt"

func goType(t *typ) string {
	switch t.kind {
	case "enum", "fixed", "record":
		return t.named.Name
	case "array":
		return "[]" + goType(t.elem)
	case "optional":
		return "Optional[" + goType(t.elem) + "]"
	}
	return map[string]string{"string": "string", "bytes": "[]byte", "boolean": "bool", "int": "int32", "long": "int64",
		"float": "float32", "double": "float64"}[t.kind]
}

// encode is the statement that appends the value of the Go expression x.
func encode(t *typ, x string) string {
	switch t.kind {
	case "enum":
		return fmt.Sprintf("dst = appendEnum(dst, int32(%s), %sSymbols[:], %q)\n", x, unexported(t.named.Name), t.named.full())
	case "fixed":
		return fmt.Sprintf("dst = append(dst, %s[:]...)\n", x)
	case "record":
		return fmt.Sprintf("dst = %s.AppendAvro(dst)\n", x)
	case "array":
		return fmt.Sprintf("dst = appendCount(dst, len(%s))\nfor i := range %s {\n%s}\ndst = appendEnd(dst, len(%s))\n",
			x, x, encode(t.elem, x+"[i]"), x)
	case "optional":
		return fmt.Sprintf("if dst = appendBranch(dst, %s.Set); %s.Set {\n%s}\n", x, x, encode(t.elem, x+".Value"))
	case "int":
		return fmt.Sprintf("dst = appendLong(dst, int64(%s))\n", x)
	}
	return fmt.Sprintf("dst = append%s(dst, %s)\n", exported(t.kind), x)
}

// decode is the statement that reads into the Go expression x.
func decode(t *typ, x, path string) string {
	switch t.kind {
	case "enum":
		return fmt.Sprintf("%s = %s(d.enum(len(%sSymbols), %q))\n", x, t.named.Name, unexported(t.named.Name), path)
	case "fixed":
		return fmt.Sprintf("d.fixed(%s[:], %q)\n", x, path)
	case "record":
		return x + ".decode(d)\n"
	case "bytes":
		return fmt.Sprintf("%s = d.bytes(%s, %q)\n", x, x, path)
	case "array":
		return fmt.Sprintf("%s = %s[:0]\nfor a := (array{field: %q}); a.next(d); {\n%s = extend(%s)\n%s}\n",
			x, x, path, x, x, decode(t.elem, fmt.Sprintf("%s[len(%s)-1]", x, x), path))
	case "optional":
		return fmt.Sprintf("if %s.Set = d.branch(%q); %s.Set {\n%s} else {\n%s = %s{}\n}\n",
			x, path, x, decode(t.elem, x+".Value", path), x, goType(t))
	}
	return fmt.Sprintf("%s = d.%s(%q)\n", x, t.kind, path)
}

// fromNative is the statement that maps the value got by the expression get to the Go expression x.
func fromNative(t *typ, x, get string) string {
	switch t.kind {
	case "fixed":
		return fmt.Sprintf("%s.copyTo(%s[:])\n", get, x)
	case "record":
		return fmt.Sprintf("%s.fromNative(%s)\n", x, get)
	}
	return fmt.Sprintf("%s = %s\n", x, convert(t, get))
}

// convert is the expression that turns a native value into a Go value.
func convert(t *typ, get string) string {
	switch t.kind {
	case "array":
		return fmt.Sprintf("nativeArray(%s, func(n native) %s { %s })", get, goType(t.elem), body(t.elem))
	case "optional":
		return fmt.Sprintf("nativeOptional(%s, func(n native) %s { %s })", get, goType(t.elem), body(t.elem))
	case "enum":
		return fmt.Sprintf("nativeEnum(%s, Parse%s)", get, t.named.Name)
	}
	return fmt.Sprintf("%s.%s()", get, t.kind)
}

func body(t *typ) string {
	if t.kind == "fixed" || t.kind == "record" {
		return fmt.Sprintf("var v %s; %s; return v", goType(t), trim(fromNative(t, "v", "n")))
	}
	return "return " + convert(t, "n")
}

func trim(s string) string { return s[:len(s)-1] }

// defaultOf is the Go expression of a field's default, in the form in which goavro gives values.
func defaultOf(f *field) string {
	switch d := string(f.Default); d {
	case "":
		return "required"
	case "null":
		return "nil"
	case "true", "false":
		return d
	case "[]":
		return "[]any{}"
	default:
		if f.typ.kind == "string" || f.typ.kind == "enum" {
			return d // a JSON string without escapes is a Go string
		}
		return fmt.Sprintf("float64(%s)", d)
	}
}
