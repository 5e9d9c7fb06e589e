%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc The SID, by which a BOSH client names its session in each request (XEP-0124, section 7.2). Pure,
%% except for a new key.
%%
%%     sid     = address mac
%%     address = 1*base64url    ; 32 bits of nonce, and the pid of the session as an external term
%%     mac     = 24base64url    ; the first 144 bits of HMAC-SHA-256(key, address)
%%
%% It says where the session is, so any node of a cluster finds the session without a table. Nobody without
%% the key can make or guess one. The MAC is compared, as text, before the address is decoded: no bytes of a
%% client are decoded as a term.
%%
%% A release with SIDs of another form signs them with a key of another form (ecm_sid_key). To releases that
%% know this form alone, they are SIDs of elsewhere.

-module(ecm_sid).

-export([cluster/1, find/2, key/0, key/1, make/3, nonce/0]).
-export_type([key/0, nonce/0]).

%% The key is half of the cost of a MAC, so both paddings of it are computed once (RFC 2104, section 4).
%% crypto:mac/4 does that for each message, and takes twice as long.
-record(key, {inner :: <<_:512>>, outer :: <<_:512>>}).

-opaque key() :: #key{}.

%% Distinguishes sessions whose processes had the same pid, one after another: the runtime reuses pids, and
%% a SID must never name another session. It may be predictable, because the MAC is not.
-type nonce() :: 0..16#FFFFFFFF.

%% Bytes and characters, in whole groups of base64.
-define(MAC_SIZE, 18).
-define(MAC_TEXT_SIZE, 24).

%% @doc Returns a new random key.
-spec key() -> key().
key() ->
    key(crypto:strong_rand_bytes(32)).

%% @doc Returns the key with this secret.
-spec key(Secret :: <<_:256>>) -> key().
key(Secret) ->
    Padded = <<Secret/binary, 0:256>>,
    #key{inner = crypto:exor(Padded, binary:copy(<<16#36>>, 64)),
         outer = crypto:exor(Padded, binary:copy(<<16#5C>>, 64))}.

%% @doc Returns a new nonce.
-spec nonce() -> nonce().
nonce() ->
    erlang:unique_integer([positive]) band 16#FFFFFFFF.

%% @doc Returns the SID of a session with this process.
-spec make(key(), pid(), nonce()) -> binary().
make(Key, Pid, Nonce) ->
    Address = encode(<<Nonce:32, (term_to_binary(Pid))/binary>>),
    <<Address/binary, (mac(Key, Address))/binary>>.

%% @doc Returns a name for the nodes that share this key: 16 hexadecimal digits, lower case. They say nothing of the
%% key. No SID is signed with them: an address is longer.
-spec cluster(key()) -> binary().
cluster(#key{inner = Inner, outer = Outer}) ->
    <<Name:64, _/binary>> = crypto:hash(sha256, [Outer, crypto:hash(sha256, [Inner, <<"cluster">>])]),
    iolist_to_binary(io_lib:format("~16.16.0b", [Name])).

%% @doc Returns the process and the nonce of a SID. The process may have ended.
-spec find(key(), binary()) -> {ok, pid(), nonce()} | error.
find(#key{} = Key, Sid) when byte_size(Sid) > ?MAC_TEXT_SIZE ->
    AddressSize = byte_size(Sid) - ?MAC_TEXT_SIZE,
    <<Address:AddressSize/binary, Mac/binary>> = Sid,
    case crypto:hash_equals(Mac, mac(Key, Address)) of
        true ->
            <<Nonce:32, Pid/binary>> = decode(Address),
            {ok, binary_to_term(Pid), Nonce};
        false ->
            error
    end;
find(_, _) ->
    error.

-spec mac(key(), binary()) -> binary().
mac(#key{inner = Inner, outer = Outer}, Address) ->
    Hash = crypto:hash(sha256, [Outer, crypto:hash(sha256, [Inner, Address])]),
    encode(binary:part(Hash, 0, ?MAC_SIZE)).

%% Base64 with the URL alphabet and without padding (RFC 4648, section 5). Erlang has it since OTP 26.

-spec encode(binary()) -> binary().
encode(Bytes) ->
    list_to_binary(digits(Bytes)).

-spec digits(binary()) -> [byte()].
digits(<<A:6, B:6, C:6, D:6, Rest/binary>>) ->
    [digit(A), digit(B), digit(C), digit(D) | digits(Rest)];
digits(<<>>) ->
    [];
digits(Bytes) ->
    Padding = 6 - bit_size(Bytes) rem 6,
    [digit(Value) || <<Value:6>> <= <<Bytes/binary, 0:Padding>>].

-spec digit(0..63) -> byte().
digit(Value) when Value < 26 -> $A + Value;
digit(Value) when Value < 52 -> $a + Value - 26;
digit(Value) when Value < 62 -> $0 + Value - 52;
digit(62) -> $-;
digit(63) -> $_.

-spec decode(binary()) -> binary().
decode(Text) ->
    list_to_binary(bytes(Text)).

-spec bytes(binary()) -> [byte()].
bytes(<<A, B, C, D, Rest/binary>>) ->
    Bits = (value(A) bsl 18) + (value(B) bsl 12) + (value(C) bsl 6) + value(D),
    [Bits bsr 16, (Bits bsr 8) band 255, Bits band 255 | bytes(Rest)];
bytes(<<A, B, C>>) ->
    Bits = (value(A) bsl 10) + (value(B) bsl 4) + (value(C) bsr 2),
    [Bits bsr 8, Bits band 255];
bytes(<<A, B>>) ->
    [(value(A) bsl 2) + (value(B) bsr 4)];
bytes(<<>>) ->
    [].

-spec value(byte()) -> 0..63.
value(Digit) when Digit >= $a -> Digit - $a + 26;
value($_) -> 63;
value(Digit) when Digit >= $A -> Digit - $A;
value($-) -> 62;
value(Digit) -> Digit - $0 + 52.
