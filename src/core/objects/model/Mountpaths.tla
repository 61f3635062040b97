----------------------------- MODULE Mountpaths -----------------------------
(* One key on the mountpaths 1..M of one target: which copy is the newest,    *)
(* when disks come and go, the system disk is lost, and a resilver tidies up. *)
(* Of a set of mountpaths the lowest number is the place of the key, which    *)
(* stands for the order of weights. One copy of each version (no mirror).     *)
(* Bugs = {} is what is built; each string in Bugs switches one rule off.     *)
EXTENDS Integers, Sequences, FiniteSets

CONSTANTS M,         \* mountpaths
          MaxW,      \* versions written here
          MaxMv,     \* versions that come with moves
          MaxChg,    \* times that a mountpath goes or comes
          MaxLoss,   \* times that the system disk is lost
          MaxGive,   \* mountpaths that are given up
          Bugs

VARIABLES here,      \* mountpaths that can be read and written
          gaveUp,    \* mountpaths whose content is gone for good
          hist,      \* sets that took writes: [s: lowest counter, a: set, u: unknown]
          next,      \* lowest counter that is given next
          own,       \* newest own entry; a lost system disk makes a new one
          copy,      \* what each mountpath holds: 0 or a generation
          best,      \* monitor: the newest generation that there is
          nw, nm, nc, nl
vars == <<here, gaveUp, hist, next, own, copy, best, nw, nm, nc, nl>>

P == 1..M
K == 16
Bug(x) == x \in Bugs
Gen(o, c) == o * K + c
Cnt(g) == g % K
Min(S) == CHOOSE x \in S : \A y \in S : x <= y
Max(S) == CHOOSE x \in S : \A y \in S : x >= y
Place(h) == IF h.a = {} THEN 0 ELSE Min(h.a)
Newest == hist[Len(hist)]

(* The history when these take writes: changed only when the set is. A copy   *)
(* closes a set when a later one had begun by then. Where the counter was     *)
(* lost it says nothing of what was first: nothing is closed until a resilver *)
(* has seen everything.                                                       *)
Extend(h, a, n) ==
  IF h # <<>> /\ h[Len(h)].a = a THEN h
  ELSE Append(h, [s |-> n, a |-> a, u |-> h # <<>> /\ h[Len(h)].u /\ ~Bug("unknown_ends")])
Closed(i, g) == g > 0 /\ ~hist[i].u /\ i < Len(hist) /\ hist[i + 1].s <= Cnt(g)
Places == {Place(hist[i]) : i \in 1..Len(hist)} \ {0}
Looked == IF Bug("newest_only") THEN {Place(Newest)} \ {0} ELSE Places
Found == LET S == {copy[p] : p \in Looked \cap here} IN IF S = {} THEN 0 ELSE Max(S)
Missing(g) == {p \in {Place(hist[i]) : i \in {j \in 1..Len(hist) : ~Closed(j, g)}} \ {0} : p \notin here}
Unsure == ~Bug("believe") /\ ~Bug("newest_only") /\ Missing(Found) # {}

Init ==
  /\ here = P /\ gaveUp = {} /\ hist = <<[s |-> 1, a |-> P, u |-> FALSE]>> /\ next = 1 /\ own = 1
  /\ copy = [p \in P |-> 0] /\ best = 0 /\ nw = 0 /\ nm = 0 /\ nc = 0 /\ nl = 0

Rest == UNCHANGED <<gaveUp, own, nc, nl>>
(* A write needs to know nothing of what was there: it is newer.              *)
Write ==
  LET p == Place(Newest)  g == Gen(own, next)
  IN /\ nw < MaxW /\ p \in here /\ next < K
     /\ copy' = [copy EXCEPT ![p] = g] /\ best' = g /\ next' = next + 1 /\ nw' = nw + 1
     /\ UNCHANGED <<here, hist, nm>> /\ Rest
(* A move brings what another target wrote, of any counter, under this entry  *)
(* or an older one; only what is known to be news is taken.                   *)
TakeMove(o, c) ==
  LET p == Place(Newest)  g == Gen(o, c)
  IN /\ nm < MaxMv /\ o <= own /\ p \in here /\ ~Unsure /\ Found < g
     /\ g \notin {copy[q] : q \in P}
     /\ copy' = [copy EXCEPT ![p] = g] /\ best' = IF g > best THEN g ELSE best
     /\ next' = IF c >= next /\ ~Bug("nopass") THEN c + 1 ELSE next
     /\ nm' = nm + 1 /\ UNCHANGED <<here, hist, nw>> /\ Rest

Go(p) ==                                     \* a disk fails, is disabled, is pulled
  /\ nc < MaxChg /\ nc' = nc + 1 /\ p \in here
  /\ here' = here \ {p} /\ hist' = Extend(hist, here', next)
  /\ UNCHANGED <<gaveUp, next, own, copy, best, nw, nm, nl>>
Come(p) ==                                   \* and is back, with what it held
  /\ nc < MaxChg /\ nc' = nc + 1 /\ p \notin here /\ p \notin gaveUp
  /\ here' = here \cup {p} /\ hist' = Extend(hist, here', next)
  /\ UNCHANGED <<gaveUp, next, own, copy, best, nw, nm, nl>>
SysLoss ==                                   \* counter and history are gone; the data is not
  /\ nl < MaxLoss /\ nl' = nl + 1 /\ own' = own + 1 /\ next' = 1
  /\ LET old == [i \in 1..M |-> [s |-> 0, a |-> {i}, u |-> ~Bug("unknown_closed")]]
         kept == SelectSeq(old, LAMBDA h : h.a \cap gaveUp = {})
     IN hist' = Extend(kept, here, 1)
  /\ UNCHANGED <<here, gaveUp, copy, best, nw, nm, nc>>
GiveUp(p) ==                                 \* the operator: its disk is lost for good
  /\ Cardinality(gaveUp) < MaxGive /\ p \notin here /\ p \notin gaveUp
  /\ gaveUp' = gaveUp \cup {p} /\ copy' = [copy EXCEPT ![p] = 0]
  /\ LET cut == [i \in 1..Len(hist) |-> [hist[i] EXCEPT !.a = @ \ {p}]]
     IN hist' = SelectSeq(cut, LAMBDA h : h.a # {})
  /\ hist' # <<>>
  /\ best' = LET S == {copy[q] : q \in P \ gaveUp'} IN IF S = {} THEN 0 ELSE Max(S)
  /\ UNCHANGED <<here, next, own, nw, nm, nc, nl>>

(* Resilver: the newest to its place, then the others go, then the history.   *)
Bring ==
  LET p == Place(Newest)
  IN /\ p \in here /\ (~Unsure \/ Bug("place_unsure"))
     /\ LET all == Max({copy[q] : q \in here})
        IN all > copy[p] /\ copy' = [copy EXCEPT ![p] = all]
     /\ UNCHANGED <<here, hist, next, best, nw, nm>> /\ Rest
Drop(q) ==
  LET p == Place(Newest)
  IN /\ q \in here /\ q # p /\ p \in here /\ copy[q] > 0 /\ (~Unsure \/ Bug("place_unsure"))
     /\ copy[p] >= copy[q] \/ Bug("drop_first")
     /\ copy' = [copy EXCEPT ![q] = 0]
     /\ UNCHANGED <<here, hist, next, best, nw, nm>> /\ Rest
Cut ==
  /\ Len(hist) > 1 \/ hist[1].u
  /\ here = P \ gaveUp \/ Bug("cut_early")
  /\ \A q \in here \ {Place(Newest)} : copy[q] = 0
  /\ hist' = <<[Newest EXCEPT !.u = FALSE]>>
  /\ LET seen == {Cnt(copy[q]) : q \in here} \cup {0}
     IN next' = IF Newest.u /\ ~Bug("cut_nopass") /\ Max(seen) >= next THEN Max(seen) + 1 ELSE next
  /\ UNCHANGED <<here, copy, best, nw, nm>> /\ Rest

Next == \/ Write \/ SysLoss \/ Bring \/ Cut
        \/ \E p \in P : Go(p) \/ Come(p) \/ GiveUp(p) \/ Drop(p)
        \/ \E o \in 1..2, c \in {1, 3, 6} : TakeMove(o, c)
Spec == Init /\ [][Next]_vars

(* ---- what must hold ------------------------------------------------------ *)
(* What is answered is the newest; else nothing is.                           *)
Newer == Unsure \/ Found = best
(* Nothing is lost but what was given up.                                     *)
Kept == best = 0 \/ \E p \in P : copy[p] = best
(* With all mountpaths here there is an answer.                               *)
Told == here = P \ gaveUp /\ here # {} => ~Unsure
NoTidy == ~(nc = 2 /\ Len(hist) = 1 /\ here = P /\ best > 0 /\ nw = 2)
=============================================================================
