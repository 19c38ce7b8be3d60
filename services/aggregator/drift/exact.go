package drift

import "math"

// The functions of the math package may differ in the last bit from one architecture to another: some are assembly, and
// some compilers fuse a product and a sum. These round every product, and are within 1e-15 of the truth or so.

const (
	ln2    = 0.693147180559945309417232121458
	ln2Hi  = 6.93147180369123816490e-01 // few enough bits that a product with a whole number is exact
	ln2Lo  = 1.90821492927058770002e-10
	log2e  = 1.44269504088896338700e+00
	lowest = -745 // exp is 0 below it
)

// artanh s = s (1 + s^2/3 + s^4/5 + ...)
var artanh = [...]float64{1. / 21, 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3}

// e^r = 1 + r (1 + r (1/2! + r (1/3! + ...
var inverse = func() (out [14]float64) {
	f := 1.0
	for n := range out {
		if n > 0 {
			f *= float64(n)
		}
		out[len(out)-1-n] = 1 / f
	}
	return out
}()

// log is the natural logarithm of x, which must be above 0 and finite.
func log(x float64) float64 {
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 {
		f *= 2
		e--
	}
	// log f = 2 artanh s, where |s| <= 0.172
	s := (f - 1) / (f + 1)
	square := float64(s * s)
	sum := 0.0
	for _, c := range artanh {
		sum = float64(square * (c + sum))
	}
	k := float64(e)
	return float64(k*ln2Hi) + (float64(2*s*(1+sum)) + float64(k*ln2Lo))
}

// log1p is log(1 + x) for x above -1, exact also where x is small.
func log1p(x float64) float64 {
	u := 1 + x
	if u == 1 {
		return x
	}
	return log(u) + (x-(u-1))/u
}

// exp is e to the power of x; +Inf where that is too large.
func exp(x float64) float64 {
	if x < lowest {
		return 0
	}
	if x > 709 {
		return math.Inf(1)
	}
	k := math.Round(float64(x * log2e))
	r := (x - float64(k*ln2Hi)) - float64(k*ln2Lo)
	sum := 0.0
	for _, c := range inverse {
		sum = c + float64(r*sum)
	}
	return math.Ldexp(sum, int(k))
}

// logAdd is log(exp(a) + exp(b)).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + log1p(exp(b-a))
}
