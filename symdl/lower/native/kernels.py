"""C that every native program starts with: vectors of eight doubles, and functions on them.

The vectors are GCC's and Clang's (``vector_size``), which either cuts to what the machine has; where AVX-512 is there, masks are used for
ends of rows. The polynomials: exp by a minimax polynomial of degree 11 (mpmath's chebyfit, error 1e-17) on [-log(2)/2, log(2)/2]; log and
log1p as in FreeBSD's msun (e_log.c, s_log1p.c), and so are sin and cos (k_sin.c, k_cos.c, e_rem_pio2.c); arctan after Cephes (Moshier 1989).
Sigmoid, its mirror image and tanh of half the argument come from one exponential and one division. None is off by more than 2 ulp. The rounding
to whole numbers by adding 3*2^51 holds only as long as nothing is reassociated: never compile with -ffast-math.
"""

from __future__ import annotations

#: Numbers in a vector.
LANES = 8

PRELUDE = r"""
typedef double V __attribute__((vector_size(64), may_alias));
typedef double VU __attribute__((vector_size(64), aligned(8), may_alias));
typedef long long I __attribute__((vector_size(64), may_alias));
typedef unsigned long long U __attribute__((vector_size(64), may_alias));
#define F static inline __attribute__((always_inline))
/* GCC 11 and 12 count addresses from minus a pointer in some loops (ivopts), no longer see that these write into memory, and drop the calls of a
   function that does nothing else. It stands in every function that is called: that something is done. */
#define EFFECT __asm__ volatile("" ::: "memory");
#define INF __builtin_inf()
#define NAN __builtin_nan("")
F V dup(double a) { return (V){a, a, a, a, a, a, a, a}; }
F V bits(I a) { return (V)a; }
F V load(const double *p) { return *(const VU *)p; }
F void store(double *p, V a) { *(VU *)p = a; }
F double first(V a) { return a[0]; }

#if defined(__AVX512F__) && !defined(__clang__)
F V loadp(const double *p, int n) { return __builtin_ia32_loadupd512_mask(p, dup(0.0), (unsigned char)((1u << n) - 1)); }
F void storep(double *p, V a, int n) { __builtin_ia32_storeupd512_mask(p, a, (unsigned char)((1u << n) - 1)); }
#define COMPARE(a, b, x, y, code) __builtin_ia32_blendmpd_512_mask(y, x, __builtin_ia32_cmppd512_mask(a, b, code, (unsigned char)-1, 4))
F V sel_lt(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 17); }
F V sel_le(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 18); }
F V sel_eq(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 0); }
F int all_le(V a, V b) { return __builtin_ia32_cmppd512_mask(a, b, 18, (unsigned char)-1, 4) == (unsigned char)-1; }
#define SCALE 1
#else
F V loadp(const double *p, int n) { V a = dup(0.0); for (int k = 0; k < n; k++) a[k] = p[k]; return a; }
F void storep(double *p, V a, int n) { for (int k = 0; k < n; k++) p[k] = a[k]; }
F V sel(I m, V x, V y) { return (V)((m & (I)x) | (~m & (I)y)); }
F V sel_lt(V a, V b, V x, V y) { return sel(a < b, x, y); }
F V sel_le(V a, V b, V x, V y) { return sel(a <= b, x, y); }
F V sel_eq(V a, V b, V x, V y) { return sel(a == b, x, y); }
F int all_le(V a, V b) { I m = a <= b; return (m[0] & m[1] & m[2] & m[3] & m[4] & m[5] & m[6] & m[7]) != 0; }
#endif
F V gather(const double *p, long s, int n) { V a = dup(0.0); for (int k = 0; k < n; k++) a[k] = p[k * s]; return a; }
F void spill(double *p, long s, V a, int n) { for (int k = 0; k < n; k++) p[k * s] = a[k]; }
F V keep(V a, int n, double other) { V b = dup(other); for (int k = 0; k < n; k++) b[k] = a[k]; return b; }

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
F double total(V a) {
  a += PICK(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
  a += PICK(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
  return a[0] + a[1];
}
F V pair2(V a, V b) { return PICK(a, b, 0, 8, 2, 10, 4, 12, 6, 14) + PICK(a, b, 1, 9, 3, 11, 5, 13, 7, 15); }
F V pair4(V a, V b) { return PICK(a, b, 0, 1, 8, 9, 4, 5, 12, 13) + PICK(a, b, 2, 3, 10, 11, 6, 7, 14, 15); }
F V totals(V a, V b, V c, V d, V e, V f, V g, V h) {
  V x = pair4(pair2(a, b), pair2(c, d)), y = pair4(pair2(e, f), pair2(g, h));
  return PICK(x, y, 0, 1, 2, 3, 8, 9, 10, 11) + PICK(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
}
#else
F double total(V a) { return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])); }
F V totals(V a, V b, V c, V d, V e, V f, V g, V h) { return (V){total(a), total(b), total(c), total(d), total(e), total(f), total(g), total(h)}; }
#endif

F V f_neg(V a) { return -a; }
F V f_abs(V a) { return (V)((I)a & 0x7fffffffffffffffLL); }
F V f_max(V a, V b) { return sel_lt(b, a, a, sel_eq(a, a, b, a)); }
F V f_min(V a, V b) { return sel_lt(a, b, a, sel_eq(a, a, b, a)); }
F double largest(V a) { V m = dup(a[0]); for (int k = 1; k < 8; k++) m = f_max(m, dup(a[k])); return m[0]; }
F V f_sign(V a) { return sel_lt(dup(0.0), a, dup(1.0), sel_lt(a, dup(0.0), dup(-1.0), a)); }
F V f_step(V a, V at0) { return sel_lt(dup(0.0), a, dup(1.0), sel_lt(a, dup(0.0), dup(0.0), sel_eq(a, a, at0, a))); }
#if defined(__AVX512F__) && !defined(__clang__)
F V f_sqrt(V a) { return __builtin_ia32_sqrtpd512_mask(a, a, (unsigned char)-1, 4); }
#else
F V f_sqrt(V a) { for (int k = 0; k < 8; k++) a[k] = __builtin_sqrt(a[k]); return a; }
#endif

#define ROUNDER 6755399441055744.0
#define LOG2 0x1.62e42fefa3800p-1
#define LOG2_REST 0x1.ef35793c76730p-45
F V exp_reduced(V x, V *whole, V *left) { /* exp(x) = 2^n (1 + r + m); k = n + the rounder goes to *whole, r to *left */
  V k = x * 1.4426950408889634 + ROUNDER, n = k - ROUNDER;
  V r = x - n * LOG2 - n * LOG2_REST, s = r * r, t = s * s;
  V a = 0.16666666666666669 * r + 0.5000000000000001, b = 0.008333333333330051 * r + 0.04166666666662399;
  V c = 0.00019841269863105968 * r + 0.0013888888917281794, d = 2.7557268378684192e-06 * r + 2.480152119021773e-05;
  V e = 2.5100424157005067e-08 * r + 2.7620138719733994e-07;
  *whole = k;
  *left = r;
  return s * ((a + b * s) + t * ((c + d * s) + t * e));
}
F V exp_left(V x, V k, V r) { /* what r was rounded by */
  V n = k - ROUNDER;
  return (x - n * LOG2 - r) - n * LOG2_REST;
}
F V scaled(V p, V k) { /* p * 2^n, n = k - the rounder */
#ifdef SCALE
  return __builtin_ia32_scalefpd512_mask(p, k - ROUNDER, p, (unsigned char)-1, 4);
#else
  U j = (U)((I)k - 0x4338000000000000LL + 2200), h = j >> 1;
  V low = (V)((h - 77) << 52), high = (V)((j - h - 77) << 52);
  return p * low * high;
#endif
}
F V exp_whole(V r, V m) { V one = 1.0 + r; return one + (m + (r - (one - 1.0))); }
F V exp_inside(V x) { /* -746 <= x <= 710, or NaN */
  V k, r, m = exp_reduced(x, &k, &r);
  return scaled(exp_whole(r, m), k);
}
F V f_exp(V x) { return exp_inside(sel_lt(dup(710.0), x, dup(710.0), sel_lt(x, dup(-746.0), dup(-746.0), x))); }
F V exp_below(V x) { return exp_inside(sel_lt(x, dup(-746.0), dup(-746.0), x)); } /* x <= 0 */
typedef struct { V one, other, half; } Logistic;
F Logistic logistic(V z) { /* sigmoid(z), sigmoid(-z), tanh(z/2), all by e = exp(-|z|) and less = e - 1 */
  I sign = (I)z & (long long)0x8000000000000000ULL;
  V a = (V)((I)z | (long long)0x8000000000000000ULL), x = sel_lt(a, dup(-746.0), dup(-746.0), a), k, r, m = exp_reduced(x, &k, &r);
  V e = scaled(exp_whole(r, m), k), d = 1.0 + e, q = e - e * (e / d), p = 1.0 - q;
  V two = scaled(dup(1.0), k), above = two * (r + (m + exp_left(x, k, r))), less = above + (two - 1.0), t = -less / d;
  t -= (t * (e - (d - 1.0)) + (above - (less - (two - 1.0)))) * (1.0 - 0.5 * e); /* what d and less were rounded by; 1 - e/2 is near enough to 1/d */
  return (Logistic){sel_lt(z, dup(0.0), q, p), sel_lt(z, dup(0.0), p, q), (V)((I)t | sign)};
}
F V f_sigmoid(V z) { return logistic(z).one; }
F V f_cosigmoid(V z) { return logistic(z).other; }
F V f_tanh(V x) { return logistic(x * dup(2.0)).half; } /* with both sigmoids of 2x in a loop, as in its slope, only one is computed */
F V near_one(V r) { return 1.0 + r * (1.0 + r * (0.5 + r * 0.16666666666666666)); } /* exp(r), |r| < 1e-4 */
F V bell(V z, double by) { /* exp(-by*z*z): z rounded to 2^-20 has an exact square, and what is left is small */
  V x = f_min(f_abs(z), dup(64.0)), a = (x + 6442450944.0) - 6442450944.0;
  return exp_below(a * a * -by) * near_one((x - a) * (x + a) * -by);
}
F V f_gauss(V z) { return bell(z, 0.5); }
F V f_gauss_plain(V z) { return bell(z, 1.0); }
F V f_softplus_below(V z) { /* log(1 + exp(-|z|)): log1p as in s_log1p.c, its series continued to s = 1/3 */
  V e = exp_below((V)((I)z | (long long)0x8000000000000000ULL)), s = e / (2.0 + e), w = s * s, v = w * w, h = 0.5 * e * e;
  V odd = 0.4000000000001458393 + v * (0.2222222271746159215 + v * (0.1538557011254222746 + v * (0.1200108023119271242 + v * (0.1616412601586960936))));
  V even = 0.6666666666666665856 + v * (0.2857142856710842342 + v * (0.1818178943443732705 + v * (0.1331414342941482797 + v * (0.08800700573692111395))));
  return e - (h - s * (h + w * (even + w * odd)));
}
F V log_of(V u, V x, int plus) { /* log(u), or log1p(x) where u = 1 + x */
  V small = sel_lt(u, dup(2.2250738585072014e-308), dup(-54.0), dup(0.0)), v = sel_lt(small, dup(0.0), u * 18014398509481984.0, u);
  U b = (U)v + 0x00095f6200000000ULL;
  V n = ((V)((b >> 52) | 0x4330000000000000ULL) - 4503599627370496.0) - 1023.0 + small;
  V f = (V)((b & 0x000fffffffffffffULL) + 0x3fe6a09e00000000ULL) - 1.0;
  V h = 0.5 * f * f, s = f / (2.0 + f), z = s * s, w = z * z, c = dup(0.0);
  V t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  V t2 = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  if (plus) c = sel_lt(n, dup(54.0), sel_lt(n, dup(2.0), x - (u - 1.0), 1.0 - (u - x)) / u, dup(0.0));
  V y = s * (h + (t1 + t2)) + (n * 1.90821492927058770002e-10 + c) - h + f + n * 6.93147180369123816490e-01;
  y = sel_lt(u, dup(0.0), dup(NAN), sel_eq(u, dup(0.0), dup(-INF), sel_eq(u, dup(INF), dup(INF), y)));
  return sel_eq(u, u, y, u);
}
F V f_log(V x) { return log_of(x, x, 0); }
F V f_log1p(V x) { return log_of(1.0 + x, x, 1); }
F V f_expm1(V x) {
  V near = sel_lt(f_abs(x), dup(1.0), x, dup(0.0)), k, r, m = exp_reduced(near, &k, &r);
  V scale = (V)((U)((I)k - 0x4338000000000000LL + 1023) << 52);
  return sel_lt(f_abs(x), dup(1.0), scale * (r + m) + (scale - 1.0), f_exp(x) - 1.0);
}
F V f_arctan(V x) {
  V a = f_abs(x), high = dup(2.414213562373095), low = dup(0.66);
  V up = sel_le(a, low, a, sel_le(a, high, a - 1.0, dup(-1.0))), down = sel_le(a, low, dup(1.0), sel_le(a, high, a + 1.0, a)), t = up / down, z = t * t;
  V p = (((-8.750608600031904122785e-1 * z - 1.615753718733365076637e1) * z - 7.500855792314704667340e1) * z - 1.228866684490136173410e2) * z
      - 6.485021904942025371773e1;
  V q = ((((z + 2.485846490142306297962e1) * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2) * z + 4.853903996359136964868e2) * z
      + 1.945506571482613964425e2;
  V to = sel_le(a, low, dup(0.0), sel_le(a, high, dup(0.7853981633974483), dup(1.5707963267948966)));
  V less = sel_le(a, low, dup(0.0), sel_le(a, high, dup(3.061616997868383e-17), dup(6.123233995736766e-17)));
  V y = to + ((t * (z * p / q) + less) + t);
  return (V)((I)y | ((I)x & (long long)0x8000000000000000ULL));
}
typedef struct { V sin, cos; } Circle;
F Circle circle(V x) { /* |x| <= 1e6: less multiples of pi/2 in four parts, the rest as y + low */
  V k = x * 0.6366197723675814 + ROUNDER, n = k - ROUNDER;
  V a = x - n * 1.57079632673412561417e+00, b = a - n * 6.07710050630396597660e-11, d = (a - b) - n * 6.07710050630396597660e-11;
  V c = b - n * 2.02226624871116645580e-21, w = n * 8.47842766036889956997e-32 - ((b - c) - n * 2.02226624871116645580e-21) - d;
  V y = c - w, low = (c - y) - w, z = y * y, v = z * y, hz = 0.5 * z, one = 1.0 - hz;
  V r = 8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08
      + z * 1.58969099521155010221e-10)));
  V s = y - ((z * (0.5 * low - v * r) - low) - v * -1.66666666666666324348e-01);
  V t = z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 + z * (-2.75573143513906633035e-07
      + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  V u = one + (((1.0 - one) - hz) + (z * t - y * low));
  I j = (I)k, odd = -(j & 1), sine = ((j & 2) << 62), cosine = (((j + 1) & 2) << 62);
  return (Circle){(V)((((I)u & odd) | ((I)s & ~odd)) ^ sine), (V)((((I)s & odd) | ((I)u & ~odd)) ^ cosine)};
}
#define LIBM(name, call) F V name(V a) { for (int k = 0; k < 8; k++) a[k] = call(a[k]); return a; }
static __attribute__((noinline)) V far_sin(V a) { for (int k = 0; k < 8; k++) a[k] = __builtin_sin(a[k]); return a; }
static __attribute__((noinline)) V far_cos(V a) { for (int k = 0; k < 8; k++) a[k] = __builtin_cos(a[k]); return a; }
F V f_sin(V x) { return all_le(f_abs(x), dup(1e6)) ? circle(x).sin : far_sin(x); }
F V f_cos(V x) { return all_le(f_abs(x), dup(1e6)) ? circle(x).cos : far_cos(x); }
#if defined(__clang__) || __GNUC__ >= 12
F void turn(const double *const *rows, long at, double *to, long s, int n) { /* n columns of eight rows, as rows */
  V a[8], b[8];
  for (int k = 0; k < 8; k++) a[k] = n == 8 ? load(rows[k] + at) : loadp(rows[k] + at, n);
  for (int k = 0; k < 8; k += 2) b[k] = PICK(a[k], a[k + 1], 0, 8, 2, 10, 4, 12, 6, 14), b[k + 1] = PICK(a[k], a[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  for (int k = 0; k < 8; k += 4)
    for (int m = k; m < k + 2; m++) a[m] = PICK(b[m], b[m + 2], 0, 1, 8, 9, 4, 5, 12, 13), a[m + 2] = PICK(b[m], b[m + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  for (int k = 0; k < 4; k++) {
    b[k] = PICK(a[k], a[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[k + 4] = PICK(a[k], a[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int k = 0; k < 8; k++) if (k < n) store(to + k * s, b[k]);
}
#else
F void turn(const double *const *rows, long at, double *to, long s, int n) {
  for (int k = 0; k < n; k++) for (int r = 0; r < 8; r++) to[k * s + r] = rows[r][at + k];
}
#endif
static void rows_of(const double *from, const long long *order, long rows, long size, double *to) { EFFECT
  for (long r = 0; r < rows; r++, to += size) {
    const double *row = from + order[r] * size;
    long k = 0;
    for (; k + 8 <= size; k += 8) store(to + k, load(row + k));
    for (; k < size; k++) to[k] = row[k];
  }
}
F void turn_rows(const double *const *row, long size, double *to, long s) {
  long k = 0;
  for (; k + 8 <= size; k += 8) turn(row, k, to + k * s, s, 8);
  if (k < size) turn(row, k, to + k * s, s, (int)(size - k));
}
static void ahead(const double *from, const long long *order, long rows, long size) { EFFECT /* of the next step, while this one computes */
  for (long r = 0; r < rows; r++) for (long k = 0; k < size; k += 8) __builtin_prefetch(from + order[r] * size + k);
}
static void columns_of(const double *from, const long long *order, long rows, long size, double *to, long s) { EFFECT
  long r = 0;
  for (; r + 8 <= rows; r += 8) {
    const double *row[8];
    for (int m = 0; m < 8; m++) row[m] = from + order[r + m] * size;
    turn_rows(row, size, to + r, s);
  }
  for (; r < rows; r++) for (long k = 0; k < size; k++) to[k * s + r] = from[order[r] * size + k];
}
static void transposed(const double *from, long step, long rows, long size, double *to, long s) { EFFECT /* 64 columns at a time: fewer pages */
  for (long k = 0; k < size; k += 64) {
    const long some = size - k < 64 ? size - k : 64;
    long r = 0;
    for (; r + 8 <= rows; r += 8) {
      const double *row[8];
      for (int m = 0; m < 8; m++) row[m] = from + (r + m) * step + k;
      turn_rows(row, some, to + k * s + r, s);
    }
    for (; r < rows; r++) for (long m = 0; m < some; m++) to[(k + m) * s + r] = from[r * step + k + m];
  }
}
static void pack_turned(const double *from, long step, long columns, long size, double *to, long s) { EFFECT /* columns, that lie as rows, next to each other */
  for (long j = 0; j < columns; j += 8) {
    const double *row[8];
    for (long m = 0; m < 8; m++) row[m] = from + (j + m < columns ? j + m : j) * step;
    turn_rows(row, size, to + j, s);
  }
}
LIBM(f_tan, __builtin_tan) LIBM(f_sinh, __builtin_sinh) LIBM(f_cosh, __builtin_cosh)
F V f_pow(V a, V b) { for (int k = 0; k < 8; k++) a[k] = __builtin_pow(a[k], b[k]); return a; }
"""
