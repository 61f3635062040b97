------------------------------- MODULE Leases -------------------------------
(* Where elections touch data leases: a primary p, its successor h, voters.   *)
(* No lease that p gives outlives the start of p's last majority by more than *)
(* Own; h lets keys pass when more than Own has gone by since its election.   *)
(* One clock for all, without the margin for drift: what holds here without a *)
(* margin holds with one for clocks that differ by less.                      *)
(* Each string in Bugs switches a rule off.                                   *)
EXTENDS Naturals, FiniteSets, TLC

CONSTANTS Voter, p, h,       \* p and h are voters
          Own, MaxT, Bugs

VARIABLES now,
          voted,    \* voters that have voted for h: from then on they answer p no more
          replied,  \* when each voter has answered p last; 0: never
          contact,  \* how old p takes the newest answer to be that it has heard; 0: none
          maj,      \* start of p's last majority, as p counts; 0: none
          since     \* since when h counts; 0: not elected
vars == <<now, voted, replied, contact, maj, since>>

Bug(b) == b \in Bugs
Others == Voter \ {p}
Majority(S) == 2 * Cardinality(S) > Cardinality(Voter)

Init == /\ now = 1 /\ voted = {} /\ maj = 0 /\ since = 0
        /\ replied = [v \in Others |-> 0] /\ contact = [v \in Others |-> 0]

Tick == now < MaxT /\ now' = now + 1 /\ UNCHANGED <<voted, replied, contact, maj, since>>

(* A voter answers a beat.  That it was sent this very moment is the best     *)
(* case for p, and so the worst one here.                                     *)
Reply(v) == /\ v \notin voted /\ replied' = [replied EXCEPT ![v] = now]
            /\ UNCHANGED <<now, voted, contact, maj, since>>

(* The answer arrives, whenever that is.                                      *)
Hear(v) == /\ replied[v] > 0
           /\ contact' = [contact EXCEPT ![v] = IF Bug("arrival") THEN now ELSE replied[v]]
           /\ UNCHANGED <<now, voted, replied, maj, since>>

(* p weighs its majority, itself included, unless it has voted for another.   *)
(* By a vote in an ordinary election it steps down; by the one for its heir,  *)
(* as here, it goes on for a while.                                           *)
From(t) == Majority({p} \cup {v \in Others : contact[v] >= t})
Weigh == /\ p \notin voted \/ Bug("self")
         /\ \E t \in maj + 1 .. now : From(t) /\ (\A u \in t + 1 .. now : ~From(u)) /\ maj' = t
         /\ UNCHANGED <<now, voted, replied, contact, since>>

Vote(v) == /\ v \notin voted /\ voted' = voted \cup {v}
           /\ UNCHANGED <<now, replied, contact, maj, since>>

Elect == /\ since = 0 /\ h \in voted /\ (Majority(voted) \/ Bug("candidacy"))
         /\ since' = now /\ UNCHANGED <<now, voted, replied, contact, maj>>

Next == \/ Tick \/ Weigh \/ Elect
        \/ \E v \in Others : (Reply(v) \/ Hear(v))
        \/ \E v \in Voter : Vote(v)
Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
LeaseOfP == maj > 0 /\ maj + Own > now                  \* somebody may write under p
KeysPass == since > 0 /\ Majority(voted) /\ (now > since + Own \/ Bug("nowait"))
OneOwner == ~(LeaseOfP /\ KeysPass)

Sym == Permutations(Voter \ {p, h})
=============================================================================
