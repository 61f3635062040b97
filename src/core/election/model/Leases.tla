------------------------------- MODULE Leases -------------------------------
(* Where elections touch data leases: one primary p, one successor h, voters. *)
(* A lease that p gives never outlives the start of p's last majority by more *)
(* than Own; h lets keys pass when more than Own has gone by since its own    *)
(* election.  Time is one clock for all, without the margin for drift: what   *)
(* holds here without a margin holds with one for clocks that drift less.     *)
(* Each string in Bugs switches a rule off.                                   *)
EXTENDS Naturals, FiniteSets, TLC

CONSTANTS Voter, p, h,       \* p and h are voters
          Own, MaxT, Bugs

VARIABLES now,
          voted,    \* voters that have voted for h: from then on they answer p no more
          replied,  \* when each voter has answered p last; 0: never
          contact,  \* what p goes by: the age of the newest answer that it has heard
          maj,      \* start of p's last majority, as it counts; 0: none
          cover,    \* no lease of p is valid after this; 0: none was given
          leads,    \* p has not stepped down
          since,    \* when h was elected, as it counts; 0: not yet
          passed    \* h has let keys pass
vars == <<now, voted, replied, contact, maj, cover, leads, since, passed>>

Bug(b) == b \in Bugs
Max(a, b) == IF a > b THEN a ELSE b
Others == Voter \ {p}
Majority(S) == 2 * Cardinality(S) > Cardinality(Voter)

Init == /\ now = 1 /\ voted = {} /\ replied = [v \in Others |-> 0]
        /\ contact = [v \in Others |-> 0] /\ maj = 0 /\ cover = 0
        /\ leads = TRUE /\ since = 0 /\ passed = FALSE

Tick == /\ now < MaxT /\ now' = now + 1
        /\ UNCHANGED <<voted, replied, contact, maj, cover, leads, since, passed>>

(* A voter answers a beat.  The beat is as old as the answer at the most: the *)
(* best case for p, and so the worst one here.                                *)
Reply(v) == /\ leads /\ v \notin voted
            /\ replied' = [replied EXCEPT ![v] = now]
            /\ UNCHANGED <<now, voted, contact, maj, cover, leads, since, passed>>

(* The answer arrives, whenever that is.                                      *)
Hear(v) == /\ leads /\ replied[v] > 0
           /\ contact' = [contact EXCEPT ![v] = IF Bug("arrival") THEN now ELSE replied[v]]
           /\ UNCHANGED <<now, voted, replied, maj, cover, leads, since, passed>>

(* The latest time from which on a majority has answered, p itself included.  *)
Since(t) == Majority({p} \cup {v \in Others : contact[v] >= t})
Weigh == /\ leads
         /\ p \notin voted \/ Bug("self")
         /\ \E t \in 1 .. now : /\ Since(t)
                                /\ \A u \in t + 1 .. now : ~Since(u)
                                /\ maj' = Max(maj, t)
         /\ UNCHANGED <<now, voted, replied, contact, cover, leads, since, passed>>

Lease == /\ leads /\ maj > 0 /\ cover' = Max(cover, maj + Own)
         /\ UNCHANGED <<now, voted, replied, contact, maj, leads, since, passed>>

(* A vote.  p votes for h by storing the record that hands its office over,   *)
(* and goes on until h is heard; or in an ordinary election, and steps down.  *)
Vote(v) == /\ v \notin voted /\ voted' = voted \cup {v}
           /\ leads' \in IF v = p THEN {leads, FALSE} ELSE {leads}
           /\ UNCHANGED <<now, replied, contact, maj, cover, since, passed>>

StepDown == /\ leads /\ leads' = FALSE
            /\ UNCHANGED <<now, voted, replied, contact, maj, cover, since, passed>>

Elect == /\ since = 0
         /\ IF Bug("candidacy") THEN h \in voted ELSE h \in voted /\ Majority(voted)
         /\ since' = now
         /\ UNCHANGED <<now, voted, replied, contact, maj, cover, leads, passed>>

Pass == /\ since > 0 /\ ~passed /\ passed' = TRUE
        /\ now > since + Own \/ Bug("nowait")
        /\ Bug("candidacy") => Majority(voted)
        /\ UNCHANGED <<now, voted, replied, contact, maj, cover, leads, since>>

Next == \/ Tick \/ Weigh \/ Lease \/ StepDown \/ Elect \/ Pass
        \/ \E v \in Others : (Reply(v) \/ Hear(v))
        \/ \E v \in Voter : Vote(v)
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
OneOwner == ~(passed /\ cover > now)     \* no key has two targets that may write
Covered  == since > 0 /\ ~Bug("candidacy") => maj <= since

Sym == Permutations(Voter \ {p, h})
=============================================================================
