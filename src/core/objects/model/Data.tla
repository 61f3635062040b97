-------------------------------- MODULE Data --------------------------------
(* One key on the targets 1..N: who may write it, who may say what it is, and *)
(* when a copy may go. README.md says what stands for what in the code. Of    *)
(* the targets that an own entry names the lowest number owns the key under   *)
(* it, which stands for the order of weights. Bugs = {} is what is built;     *)
(* each string in Bugs switches one rule off. Feat switches parts on and off, *)
(* so that each can be looked at to larger bounds.                            *)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS N,         \* targets
          Init0,     \* those that are active in the first record
          MaxRec,    \* records, the first included
          MaxW,      \* writes
          MaxCrash,  \* crashes and lost system disks
          Feat, Bugs

VARIABLES recs,      \* committed records
          settled,   \* up to which record ownership has passed
          view,      \* the newest record that each target has stored; 0: none
          lease,     \* who has a lease now
          cnt,       \* counter of each target
          copy,      \* what each target holds: generation and write
          mark,      \* up to which forced removal each target has quarantined
          lost,      \* monitor: the newest that went into quarantine
          op,        \* writes: new, in work, committed, answered, failed
          rep,       \* under which entry each target has reported that all has moved
          recl,      \* and that it holds nothing that is not its own
          rc,        \* generation that the owner has confirmed to a reclaimer
          nc, rd, mvs,
          H          \* monitor: all explanations of what clients have seen
vars == <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs, H>>

T == 1..N
W == 1..MaxW
K == 16
Bug(x) == x \in Bugs
On(x) == x \in Feat
None == [g |-> 0, w |-> 0]
NoRd == [t |-> 0, e |-> 0, r |-> 0, best |-> None, asked |-> {}, loc |-> None]

Max2(a, b) == IF a.g >= b.g THEN a ELSE b
MaxOf(cp, S) == IF S = {} THEN None
                ELSE LET m == CHOOSE t \in S : \A u \in S : cp[t].g >= cp[u].g IN cp[m]
Idx(g) == g \div K                                    \* own entry of a generation
Val(o, w) == IF w = 0 THEN 0 ELSE IF o[w].k = "D" THEN 0 ELSE w

(* ---- what a record says -------------------------------------------------- *)
Top == Len(recs)
Cur == recs[Top]
Own(e) == CHOOSE x \in e.a : \A y \in e.a : x <= y     \* entries are never empty
LastE(r) == recs[r].own[Len(recs[r].own)]
LI(r) == IF r = 0 THEN 0 ELSE LastE(r).i               \* index of the newest own entry
Owner(r) == IF r = 0 THEN 0 ELSE Own(LastE(r))
One(r) == Len(recs[r].own) = 1
Mem(r) == {t \in T : recs[r].st[t] \in {"act", "out"}}
Act(r) == {t \in T : recs[r].st[t] = "act"}
(* since: the record that made a removed target a member anew; gone: the last *)
(* one that removed one by force. Forgotten is what it got before, whether it *)
(* is back or not.                                                            *)
Gone(r, t) == recs[r].st[t] = "gone"
Forgotten(r, t, i) == Gone(r, t) \/ recs[r].since[t] > i
Inc(r, t) == IF r = 0 THEN 0 ELSE recs[r].since[t]     \* stands for the incarnation
Alive(rs, mk) == {t \in T : rs[Len(rs)].st[t] # "gone" /\ mk[t] >= rs[Len(rs)].since[t]}

(* ---- the monitor --------------------------------------------------------- *)
(* H: all <<value, writes begun and not in it yet, value of the pending read  *)
(* or -1>> that explain what clients have seen. H = {}: there is none.        *)
RECURSIVE Close(_, _, _, _)
Close(S, o, reading, n) ==
  IF n = 0 THEN S ELSE
  LET S1 == S \cup UNION {{<<Val(o, w), c[2] \ {w}, c[3]>> : w \in c[2]} : c \in S}
      S2 == IF reading THEN S1 \cup {<<c[1], c[2], c[1]>> : c \in {d \in S1 : d[3] = -1}} ELSE S1
  IN IF S2 = S THEN S ELSE Close(S2, o, reading, n - 1)
Clo(S, o, reading) == Close(S, o, reading, 2 * MaxW + 2)
(* A forced removal may lose what only the removed target holds, from its     *)
(* commit until every member has stored it; nothing else, and nothing later.  *)
Pending == \E u \in Mem(Top) : view[u] < Cur.gone
AfterLoss(rs, mk, cp, lo) ==
  LET live == Alive(rs, mk)
      m == MaxOf(cp, live)
      away == {x \in {cp[t] : t \in T \ live} \cup {lo} : x.g > m.g}
      open == {c \in H : \E x \in away : c[1] = Val(op, x.w)}
  IN IF open = {} THEN H
     ELSE Clo(H \cup {<<Val(op, m.w), c[2], c[3]>> : c \in open}, op, rd.t # 0)

Init ==
  /\ recs = << [st |-> [t \in T |-> IF t \in Init0 THEN "act" ELSE "new"],
                own |-> << [i |-> 1, a |-> Init0] >>,
                gone |-> 0, since |-> [t \in T |-> 0], swept |-> FALSE] >>
  /\ settled = 1 /\ view = [t \in T |-> 1] /\ lease = [t \in T |-> t \in Init0]
  /\ cnt = [t \in T |-> 0] /\ copy = [t \in T |-> None]
  /\ mark = [t \in T |-> 0] /\ lost = None
  /\ op = [w \in W |-> [s |-> "n", k |-> "-", t |-> 0, g |-> 0]]
  /\ rep = [t \in T |-> 0] /\ recl = [t \in T |-> 0] /\ rc = [t \in T |-> 0]
  /\ nc = 0 /\ rd = NoRd /\ mvs = {} /\ H = {<<0, {}, -1>>}

(* ---- the primary --------------------------------------------------------- *)
Next1 == Top + 1
Commit1(r) == Top < MaxRec /\ recs' = Append(recs, r)
Entry(r, a) == [r EXCEPT !.own = Append(@, [i |-> Next1, a |-> a]), !.swept = FALSE]
WithSt(t, s) ==
  LET r == [Cur EXCEPT !.st[t] = s]
      a == {u \in T : r.st[u] = "act"}
  IN IF a = Act(Top) THEN r ELSE Entry(r, a)
RestP == UNCHANGED <<settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs>>

GoOut(t) ==                                  \* lost, maintenance, with movement or without
  /\ Cur.st[t] = "act" /\ Cardinality(Act(Top)) > 1
  /\ Commit1(WithSt(t, "out")) /\ RestP /\ UNCHANGED H
ComeIn(t) ==                                 \* return, end of maintenance, first join
  /\ ~On("nocome") /\ Cur.st[t] \in {"out", "new"}
  /\ Commit1(WithSt(t, "act")) /\ RestP /\ UNCHANGED H
Remove(t) ==                                 \* by force: of a target that owns nothing any more
  /\ On("gone") /\ Cur.st[t] = "out"
  /\ settled >= LI(Top) \/ Bug("gone_unsettled")
  /\ Commit1([WithSt(t, "gone") EXCEPT !.gone = Next1])
  /\ H' = AfterLoss(recs', mark, copy, lost) /\ RestP
Return(t) ==                                 \* removed before, now a member of a new incarnation
  /\ On("gone") /\ Cur.st[t] = "gone"
  /\ Commit1([WithSt(t, "act") EXCEPT !.since[t] = Next1]) /\ RestP /\ UNCHANGED H

(* Whom completion waits for: all that an entry names, lost ones too.         *)
Named == {t \in T : \E j \in 1..Len(Cur.own) :
                       t \in Cur.own[j].a /\ ~Forgotten(Top, t, Cur.own[j].i)}
Complete ==                                  \* all have reported: own has one entry again
  /\ ~One(Top)
  /\ \A t \in (IF Bug("own_early") THEN Act(Top) ELSE Named \cap Mem(Top)) : rep[t] = LI(Top)
  /\ Commit1([Cur EXCEPT !.own = << @[Len(@)] >>]) /\ RestP /\ UNCHANGED H
Sweep ==                                     \* all members hold nothing that is not their own
  /\ On("tomb") /\ One(Top) /\ ~Cur.swept
  /\ \A t \in (IF Bug("tomb_active") THEN Act(Top) ELSE Mem(Top)) : recl[t] = LI(Top)
  /\ Commit1([Cur EXCEPT !.swept = TRUE]) /\ RestP /\ UNCHANGED H

LostKeys(n) ==                               \* who must have let go before record n is settled
  IF Bug("settle_last") THEN {Owner(n - 1)} \ {Owner(n)} ELSE {Owner(j) : j \in settled..(n - 1)}
Settle(n) ==
  /\ n > settled
  /\ Bug("nowait") \/ \A u \in LostKeys(n) : view[u] >= n \/ ~lease[u]
  /\ settled' = n
  /\ UNCHANGED <<recs, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs, H>>

(* ---- a target's record, lease, crash ------------------------------------- *)
(* A removed target is told nothing until it is a member again. Quarantine is *)
(* done before the record that says so is in use.                             *)
MustClear(t, j) == IF Bug("quar_view") THEN view[t] < recs[j].since[t]
                   ELSE mark[t] < recs[j].since[t]
Clear(t, r) == /\ copy' = [copy EXCEPT ![t] = None]
               /\ mark' = [mark EXCEPT ![t] = recs[r].since[t]]
               /\ lost' = IF Idx(copy[t].g) < recs[r].since[t] THEN Max2(lost, copy[t]) ELSE lost
Adopt(t, j) ==
  /\ j > view[t] /\ (view[t] = 0 => j = Top) /\ ~Gone(j, t)
  /\ view' = [view EXCEPT ![t] = j]
  /\ rc' = IF LI(j) = LI(view[t]) THEN rc ELSE [rc EXCEPT ![t] = 0]
  /\ IF MustClear(t, j) /\ ~Bug("quar_late")
       THEN IF Bug("gone_merge") THEN mark' = [mark EXCEPT ![t] = recs[j].since[t]]
                                       /\ UNCHANGED <<copy, lost>>
            ELSE Clear(t, j)
       ELSE UNCHANGED <<copy, mark, lost>>
  /\ H' = IF Pending THEN AfterLoss(recs, mark', copy', lost') ELSE H
  /\ UNCHANGED <<recs, settled, lease, cnt, op, rep, recl, nc, rd, mvs>>
Quarantine(t) ==
  /\ Bug("quar_late") /\ view[t] > 0 /\ mark[t] < Inc(view[t], t) /\ Clear(t, view[t])
  /\ H' = AfterLoss(recs, mark', copy', lost')
  /\ UNCHANGED <<recs, settled, view, lease, cnt, op, rep, recl, rc, nc, rd, mvs>>
Beat(t) ==
  /\ ~lease[t] /\ (Bug("beat_any") \/ view[t] >= settled) /\ view[t] > 0
  /\ ~Gone(Top, t) /\ Inc(view[t], t) = Cur.since[t]
  /\ lease' = [lease EXCEPT ![t] = TRUE]
  /\ UNCHANGED <<recs, settled, view, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs, H>>
LeaseOut(t) ==
  /\ lease[t] /\ (~On("quiet") \/ Cur.st[t] # "act") /\ lease' = [lease EXCEPT ![t] = FALSE]
  /\ UNCHANGED <<recs, settled, view, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs, H>>
Fail(t) == [w \in W |-> IF op[w].t = t /\ op[w].s \in {"i", "c"}
                          THEN [op[w] EXCEPT !.s = "f", !.t = 0] ELSE op[w]]
Crash(t) ==
  /\ nc < MaxCrash /\ nc' = nc + 1
  /\ lease' = [lease EXCEPT ![t] = FALSE] /\ op' = Fail(t) /\ rc' = [rc EXCEPT ![t] = 0]
  /\ cnt' = IF Bug("cnt_reuse") THEN [cnt EXCEPT ![t] = 0] ELSE cnt
  /\ copy' = IF Bug("floor_gen") /\ Idx(copy[t].g) < Inc(view[t], t)
               THEN [copy EXCEPT ![t] = None] ELSE copy
  /\ H' = IF rd.t = t THEN {<<c[1], c[2], -1>> : c \in H} ELSE H
  /\ rd' = IF rd.t = t THEN NoRd ELSE rd
  /\ UNCHANGED <<recs, settled, view, mark, lost, rep, recl, mvs>>
SysLoss(t) ==                                \* system disk lost, data disks intact
  /\ On("sys") /\ nc < MaxCrash /\ nc' = nc + 1 /\ Cur.st[t] = "act"
  /\ lease' = [lease EXCEPT ![t] = FALSE] /\ op' = Fail(t) /\ rc' = [rc EXCEPT ![t] = 0]
  /\ cnt' = [cnt EXCEPT ![t] = 0] /\ view' = [view EXCEPT ![t] = 0]
  /\ Commit1(IF Bug("inc_noown") THEN Cur ELSE Entry(Cur, Act(Top)))
  /\ H' = IF rd.t = t THEN {<<c[1], c[2], -1>> : c \in H} ELSE H
  /\ rd' = IF rd.t = t THEN NoRd ELSE rd
  /\ UNCHANGED <<settled, copy, mark, lost, rep, recl, mvs>>

(* ---- writes -------------------------------------------------------------- *)
Serves(t) == view[t] > 0 /\ Owner(view[t]) = t /\ settled >= LI(view[t])
Gen(t) == IF Bug("gen_cnt") THEN cnt[t] + 1 ELSE LI(view[t]) * K + cnt[t] + 1
Admit(w, t, k) ==
  /\ op[w].s = "n" /\ \A x \in 1..(w - 1) : op[x].s # "n"
  /\ On("nodel") => k = "P"
  /\ Serves(t) /\ (lease[t] \/ Bug("noadmit"))
  /\ op' = [op EXCEPT ![w] = [s |-> "i", k |-> k, t |-> t, g |-> Gen(t)]]
  /\ cnt' = [cnt EXCEPT ![t] = @ + 1]
  /\ H' = Clo({<<c[1], c[2] \cup {w}, c[3]>> : c \in H}, op', rd.t # 0)
  /\ UNCHANGED <<recs, settled, view, lease, copy, mark, lost, rep, recl, rc, nc, rd, mvs>>
Put(w) ==                                    \* the rename
  /\ op[w].s = "i"
  /\ LET t == op[w].t
     IN /\ \/ Bug("commit_noview")
           \/ Serves(t) /\ (Bug("commit_owner") \/ LI(view[t]) = Idx(op[w].g) \/ Bug("gen_cnt"))
        /\ copy' = IF Bug("del_missing") /\ op[w].k = "D" /\ copy[t].g = 0 THEN copy
                   ELSE IF op[w].g > copy[t].g \/ Bug("gen_cnt")
                          THEN [copy EXCEPT ![t] = [g |-> op[w].g, w |-> w]] ELSE copy
  /\ op' = [op EXCEPT ![w].s = "c"]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, mark, lost, rep, recl, rc, nc, rd, mvs, H>>
Reply(w) ==
  /\ op[w].s = "c" /\ (lease[op[w].t] \/ Bug("nolease"))
  /\ op' = [op EXCEPT ![w].s = "a", ![w].t = 0]
  /\ H' = Clo({c \in H : w \notin c[2]}, op', rd.t # 0)
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, rep, recl, rc, nc, rd, mvs>>

(* ---- reads --------------------------------------------------------------- *)
(* A question names the asker's record and the incarnation that it means: who *)
(* has not stored that record, or is another incarnation, does not answer.    *)
Answers(u, t) ==
  /\ view[u] > 0 /\ (view[u] >= view[t] \/ Bug("ask_behind"))
  /\ Inc(view[u], u) = Inc(view[t], u) \/ Bug("ask_inc")
  /\ ~Gone(view[t], u)
(* Every entry newer than the newest copy found must have been heard of.      *)
Covered(r, t, S, g) ==
  \A j \in 1..Len(recs[r].own) :
    LET e == recs[r].own[j]
    IN e.i > Idx(g) => Own(e) \in S \cup {t} \/ Forgotten(r, Own(e), e.i)
CanRead(r, t, S, loc, best) ==
  \/ Covered(r, t, S, best.g)
  \/ Bug("ask_none")
  \/ Bug("ask_some") /\ best.g > loc.g
  \/ Bug("back_own") /\ loc.g > 0
Get(t, S) ==                                 \* at once
  /\ ~On("rd") /\ ~On("noget") /\ Serves(t) /\ (lease[t] \/ Bug("read_nolease"))
  /\ \A u \in S : Answers(u, t)
  /\ LET best == Max2(copy[t], MaxOf(copy, S))
     IN /\ CanRead(view[t], t, S, copy[t], best)
        /\ H' = Clo({c \in H : c[1] = Val(op, best.w)}, op, FALSE)
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, rd, mvs>>
RdStart(t) ==                                \* in steps
  /\ On("rd") /\ rd.t = 0 /\ Serves(t) /\ (lease[t] \/ Bug("noadmit"))
  /\ rd' = [t |-> t, e |-> LI(view[t]), r |-> view[t], best |-> None, asked |-> {},
            loc |-> IF Bug("local_first") THEN copy[t] ELSE None]
  /\ H' = Clo(H, op, TRUE)
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, mvs>>
RdAsk(u) ==
  /\ rd.t # 0 /\ u # rd.t /\ u \notin rd.asked /\ Answers(u, rd.t)
  /\ rd' = [rd EXCEPT !.best = Max2(@, copy[u]), !.asked = @ \cup {u}]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, mvs, H>>
SameForgotten(r, q) == /\ recs[r].since = recs[q].since
                       /\ \A t \in T : Gone(r, t) = Gone(q, t)
RdEnd ==
  /\ rd.t # 0 /\ (lease[rd.t] \/ Bug("rd_nolease"))
  /\ Bug("rd_nolease") \/ (Serves(rd.t) /\ LI(view[rd.t]) = rd.e)
  /\ Bug("rd_forg") \/ SameForgotten(view[rd.t], rd.r)
  /\ LET loc == IF Bug("local_first") THEN rd.loc ELSE copy[rd.t]
         b == Max2(loc, rd.best)
     IN /\ CanRead(view[rd.t], rd.t, rd.asked, loc, b)
        /\ H' = Clo({<<c[1], c[2], -1>> : c \in {d \in H : d[3] = Val(op, b.w)}}, op, FALSE)
  /\ rd' = NoRd
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, rc, nc, mvs>>

(* ---- moves --------------------------------------------------------------- *)
CanMove(s, o) == view[s] > 0 /\ o # s /\ o = Owner(view[s]) /\ copy[s].g > 0 /\ view[o] > 0
Takes(o, s, inc) == Bug("gone_moves") \/ (~Gone(view[o], s) /\ inc >= Inc(view[o], s))
Into(o, c) == copy' = IF c.g > copy[o].g THEN [copy EXCEPT ![o] = c] ELSE copy
RestM == UNCHANGED <<recs, settled, view, lease, cnt, mark, lost, op, rep, recl, rc, nc, rd, H>>
Move(s) ==                                   \* at once
  LET o == Owner(view[s])
  IN /\ ~On("mv") /\ CanMove(s, o) /\ copy[s].g > copy[o].g
     /\ Bug("move_anyview") \/ LI(view[o]) = LI(view[s])
     /\ Bug("move_late") \/ ~On("late") \/ ~One(view[o])
     /\ Takes(o, s, Inc(view[s], s)) /\ Into(o, copy[s]) /\ UNCHANGED mvs /\ RestM
MvSend(s) ==                                 \* under way for any time, perhaps twice
  LET m == [to |-> Owner(view[s]), c |-> copy[s], k |-> LI(view[s]), from |-> s, inc |-> Inc(view[s], s)]
  IN /\ On("mv") /\ CanMove(s, Owner(view[s])) /\ m \notin mvs /\ Cardinality(mvs) < 2
     /\ mvs' = mvs \cup {m} /\ UNCHANGED copy /\ RestM
MvRecv(m) ==
  /\ view[m.to] > 0 /\ m.c.g > copy[m.to].g
  /\ LI(view[m.to]) = m.k
  /\ Bug("mv_late") \/ ~One(view[m.to])
  /\ Takes(m.to, m.from, m.inc) /\ Into(m.to, m.c) /\ UNCHANGED mvs /\ RestM
Report(t) ==                                 \* its owner has what this target has
  /\ view[t] > 0 /\ t \in Mem(view[t])
  /\ LET k == LI(view[t])  o == Owner(view[t])
     IN /\ rep[t] # k /\ ~One(view[t])
        /\ o = t \/ (view[o] > 0 /\ LI(view[o]) = k /\ copy[o].g >= copy[t].g)
        /\ rep' = [rep EXCEPT ![t] = k]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, recl, rc, nc, rd, mvs, H>>

(* ---- reclaim and tombstones ---------------------------------------------- *)
(* "late": only after completion, as it is built; else already before it.     *)
RcHead(t) ==
  /\ ~Bug("rc_noverify") /\ ~On("norc") /\ view[t] > 0 /\ copy[t].g > 0 /\ rc[t] # copy[t].g
  /\ On("late") => One(view[t])
  /\ Bug("rc_unsettled") \/ settled >= LI(view[t])
  /\ LET o == Owner(view[t])
     IN /\ o # t /\ copy[o].g >= copy[t].g
        /\ Bug("rc_anyview") \/ (view[o] > 0 /\ LI(view[o]) = LI(view[t]))
  /\ rc' = [rc EXCEPT ![t] = copy[t].g]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, recl, nc, rd, mvs, H>>
RcDel(t) ==
  /\ view[t] > 0 /\ copy[t].g > 0 /\ (rc[t] = copy[t].g \/ Bug("rc_noverify")) /\ Owner(view[t]) # t
  /\ copy' = [copy EXCEPT ![t] = None] /\ rc' = [rc EXCEPT ![t] = 0]
  /\ H' = IF Pending THEN AfterLoss(recs, mark, copy', lost) ELSE H
  /\ UNCHANGED <<recs, settled, view, lease, cnt, mark, lost, op, rep, recl, nc, rd, mvs>>
ReclReport(t) ==
  /\ On("tomb") /\ view[t] > 0 /\ recl[t] # LI(view[t])
  /\ Bug("recl_early") \/ One(view[t])
  /\ copy[t].g = 0 \/ Owner(view[t]) = t
  /\ recl' = [recl EXCEPT ![t] = LI(view[t])]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, copy, mark, lost, op, rep, rc, nc, rd, mvs, H>>
IsTomb(c) == c.g > 0 /\ op[c.w].k = "D"
Collect(t) ==
  /\ On("tomb") /\ IsTomb(copy[t]) /\ view[t] > 0 /\ Owner(view[t]) = t
  /\ \/ Bug("tomb_time")
     \/ Bug("tomb_done") /\ One(view[t])
     \/ One(view[t]) /\ recs[view[t]].swept
  /\ copy' = [copy EXCEPT ![t] = None]
  /\ UNCHANGED <<recs, settled, view, lease, cnt, mark, lost, op, rep, recl, rc, nc, rd, mvs, H>>

Next ==
  \/ \E t \in T : GoOut(t) \/ ComeIn(t) \/ Return(t) \/ Remove(t) \/ SysLoss(t)
  \/ Complete \/ Sweep
  \/ \E n \in 1..Top : Settle(n)
  \/ \E t \in T : Beat(t) \/ LeaseOut(t) \/ Crash(t) \/ Quarantine(t)
                    \/ (\E j \in 1..Top : Adopt(t, j))
  \/ \E w \in W : Put(w) \/ Reply(w) \/ (\E t \in T, k \in {"P", "D"} : Admit(w, t, k))
  \/ \E t \in T : (\E S \in SUBSET (T \ {t}) : Get(t, S)) \/ RdStart(t) \/ RdAsk(t)
  \/ RdEnd
  \/ \E t \in T : Move(t) \/ MvSend(t) \/ Report(t) \/ RcHead(t) \/ RcDel(t)
                    \/ ReclReport(t) \/ Collect(t)
  \/ \E m \in mvs : MvRecv(m)
Spec == Init /\ [][Next]_vars

(* The same from a later state: target 1 has been taken out by record 2, and  *)
(* has the newest version, acknowledged; all have stored that record.         *)
InitOut ==
  /\ recs = << [st |-> [t \in T |-> "act"], own |-> << [i |-> 1, a |-> T] >>,
                gone |-> 0, since |-> [t \in T |-> 0], swept |-> FALSE],
               [st |-> [t \in T |-> IF t = 1 THEN "out" ELSE "act"],
                own |-> << [i |-> 1, a |-> T], [i |-> 2, a |-> T \ {1}] >>,
                gone |-> 0, since |-> [t \in T |-> 0], swept |-> FALSE] >>
  /\ settled = 2 /\ view = [t \in T |-> 2] /\ lease = [t \in T |-> TRUE]
  /\ cnt = [t \in T |-> IF t = 1 THEN 1 ELSE 0]
  /\ copy = [t \in T |-> IF t = 1 THEN [g |-> K + 1, w |-> 1] ELSE None]
  /\ mark = [t \in T |-> 0] /\ lost = None
  /\ op = [w \in W |-> IF w = 1 THEN [s |-> "a", k |-> "P", t |-> 0, g |-> K + 1]
                       ELSE [s |-> "n", k |-> "-", t |-> 0, g |-> 0]]
  /\ rep = [t \in T |-> 0] /\ recl = [t \in T |-> 0] /\ rc = [t \in T |-> 0]
  /\ nc = 0 /\ rd = NoRd /\ mvs = {} /\ H = {<<1, {}, -1>>}
SpecOut == InitOut /\ [][Next]_vars

(* ---- what must hold ------------------------------------------------------ *)
Linear == H # {}
GenUnique == \A x \in W, y \in W : x # y /\ op[x].g # 0 => op[x].g # op[y].g
(* The newest that members hold is a value that clients may expect: nothing   *)
(* is lost, nothing comes back.                                               *)
Durable == LET m == MaxOf(copy, Alive(recs, mark))
           IN \E c \in (IF Pending THEN AfterLoss(recs, mark, copy, lost) ELSE H) : c[1] = Val(op, m.w)
(* When all members have the newest record nothing stands in the way.         *)
CanServe == (\A t \in Mem(Top) : view[t] = Top) =>
              /\ settled < Top => \A u \in LostKeys(Top) :
                      view[u] >= Top \/ ~lease[u] \/ Gone(Top, u)
              /\ Covered(Top, Owner(Top), Mem(Top), 0)

(* ---- good states: these must be violated --------------------------------- *)
NoFullCycle == ~(One(Top) /\ LI(Top) > 1 /\ settled = Top
                 /\ \E w \in W : op[w].s = "a" /\ op[w].k = "P" /\ Idx(op[w].g) = LI(Top)
                 /\ \E u \in W : u < w /\ op[u].s = "a"
                 /\ H = {<<w, {}, -1>>})
NoReturn == ~(LI(Top) > 2 /\ One(Top) /\ Owner(Top) = Own(recs[1].own[1])
              /\ \E w \in W : op[w].s = "a" /\ Idx(op[w].g) > 1
                     /\ copy[Owner(Top)].w = w /\ \E t \in T : copy[t].w = w /\ t # Owner(Top))
NoCollect == ~(\E w \in W : op[w].s = "a" /\ op[w].k = "D" /\ (\A t \in T : copy[t].g = 0)
               /\ LI(Top) > 1 /\ \E u \in W : u < w /\ op[u].s = "a" /\ op[u].k = "P")
(* A target that was removed with the newest copy is back, and its key is     *)
(* written anew and moved to it.                                              *)
NoComeback == ~(\E t \in T : Cur.since[t] > 0 /\ Owner(Top) = t /\ lost.g > 0 /\ lost.g < copy[t].g
                  /\ view[t] = Top /\ settled = Top)
=============================================================================
