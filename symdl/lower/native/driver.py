"""The loop over steps in C: what is done before, in, and after a step, by one thread or by several that meet between the steps of the plan."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

_HEAD = "long long train(double *restrict w, double *const *restrict e, double *restrict c, const long long *order, long long steps, double *restrict losses)"

#: Threads meet at a barrier: they spin for a while, then let others run, as there may be more threads than processors.
_TEAM = r"""
#include <pthread.h>
#include <sched.h>
typedef struct {
  double *w; double *const *e; double *c; const long long *order; long long steps; double *losses;
  long waiting, round, alone; long long done;
} Team;
typedef struct { Team *team; long me; } Member;
static void meet(Team *team) {
  if (__atomic_load_n(&team->alone, __ATOMIC_ACQUIRE)) return;
  const long round = __atomic_load_n(&team->round, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&team->waiting, 1, __ATOMIC_ACQ_REL) == THREADS) {
    __atomic_store_n(&team->waiting, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&team->round, round + 1, __ATOMIC_RELEASE);
    return;
  }
  for (long spins = 0; __atomic_load_n(&team->round, __ATOMIC_ACQUIRE) == round; spins++) {
    if (__atomic_load_n(&team->alone, __ATOMIC_ACQUIRE)) return;
    if (spins > 500) sched_yield();
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}
"""

_START = r"""
static void *member(void *given) { Member *m = given; work(m->team, m->me); return 0; }
HEAD {
  Team team = {w, e, c, order, steps, losses, 0, 0, 0, 0};
  Member members[THREADS];
  pthread_t threads[THREADS];
  long made = 1;
  BEFORE
  /* Members wait at their first meeting until all are there. If one cannot be made, the others go home and this thread does all parts. */
  for (; made < THREADS; made++) {
    members[made] = (Member){&team, made};
    if (pthread_create(&threads[made], 0, member, &members[made])) break;
  }
  if (made < THREADS) {
    team.steps = -1;
    __atomic_store_n(&team.alone, 1, __ATOMIC_RELEASE);
    for (long k = 1; k < made; k++) pthread_join(threads[k], 0);
    team.steps = steps;
  }
  work(&team, 0);
  if (!team.alone) for (long k = 1; k < THREADS; k++) pthread_join(threads[k], 0);
  AFTER
  return team.done;
}
"""


def threads_allowed() -> int:
    """SYMDL_THREADS or OMP_NUM_THREADS, else the processors that this process may use; at most 16."""
    for name in ("SYMDL_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return min(int(text), 16) if sys.platform != "win32" else 1
    if sys.platform == "win32":
        return 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, 16)


def shares(threads: int) -> str:
    """Which part of a step's work thread ``me`` does."""
    sides = "#define FROM(n) ((long)(n) * me / THREADS)\n#define TO(n) ((long)(n) * (me + 1) / THREADS)\n#define LAST (me == THREADS - 1)"
    return f"#define THREADS {threads}\n{sides}"


@dataclass(frozen=True)
class Body:
    """Lines of C of a training loop.

    Attributes
    ----------
    before : list of str
        Once, before the first step.
    rows : int
        Samples by which ``order`` goes on with every step.
    begin : list of str
        At the beginning of a step.
    forth, late : list of (str, bool)
        Functions to be called until the loss is there, and after it; and whether threads share them.
    loss : str
        The loss, as an expression.
    update : list of str
        At the end of a step.
    after : list of str
        Once, after the last step.
    """

    before: list[str]
    rows: int
    begin: list[str]
    forth: list[tuple[str, bool]]
    loss: str
    late: list[tuple[str, bool]]
    update: list[str]
    after: list[str]

    def source(self, threads: int) -> str:
        """The function ``train``: the number of steps that were taken."""
        return self._alone() if threads == 1 else self._together(threads)

    def _alone(self) -> str:
        lines = ["#define STEPS steps", f"{_HEAD} {{", *self.before, "long long t = 0;", f"for (; t < steps; t++, order += {self.rows}) {{", *self.begin]
        lines += [f"{name}(w, e, c, 0);" for name, _ in self.forth]
        lines += [f"losses[t] = {self.loss};", f"if (!({self.loss} - {self.loss} == 0.0)) break;"]
        lines += [f"{name}(w, e, c, 0);" for name, _ in self.late]
        return "\n".join([*lines, *self.update, "}", *self.after, "return t;", "}"])

    def _together(self, threads: int) -> str:
        lines = [_TEAM, "#define STEPS team->steps", "static void work(Team *team, const long me) {"]
        lines += ["double *const w = team->w, *const c = team->c; double *const *const e = team->e; const long long *order = team->order;"]
        lines += [f"meet(team);\nfor (long long t = 0; t < team->steps; t++, order += {self.rows}) {{", "if (me == 0) {", *self.begin, "}", "meet(team);"]
        lines += self._calls(self.forth)
        lines += [f"if (!({self.loss} - {self.loss} == 0.0)) break;", f"if (me == 0) {{ team->losses[t] = {self.loss}; team->done = t + 1; }}"]
        lines += self._calls(self.late)
        lines += ["if (me == 0) {", *self.update, "}", "meet(team);", "}", "}"]
        start = _START.replace("HEAD", _HEAD).replace("BEFORE", "\n".join(self.before)).replace("AFTER", "\n".join(self.after))
        return "\n".join([*lines, start])

    def _calls(self, calls: list[tuple[str, bool]]) -> list[str]:
        lines = []
        for name, shared in calls:
            if shared:
                lines.append(f"if (team->alone) for (long k = 0; k < THREADS; k++) {name}(w, e, c, k); else {name}(w, e, c, me);")
            else:
                lines.append(f"if (me == 0) {name}(w, e, c, 0);")
            lines.append("meet(team);")
        return lines
