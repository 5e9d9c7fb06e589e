%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc What ends a stream because of what its client has sent, as the error of the stream (RFC 6120, section 4.9.3).

-module(ecm_stream_fault).

-export([before_header/1, error/1]).
-export_type([fault/0]).

%% `not_begun': a stanza where the client must begin its stream. `not_framing': something else in the namespace of
%% the framing (RFC 7395).
-type fault() :: ecm_xml:fault() | ecm_xml_stanza:fault() | not_begun | not_framing |
                 {exceeds, bytes | elements | stanzas}.

%% What xmpp_stream_in takes from its XML parser before there is a header: it sends one, and the error behind it.
-type parser_error() :: binary() | {Code :: integer(), Text :: binary()}.

%% expat's code of a syntax error. Nobody reads it.
-define(SYNTAX, 2).

%% @doc Returns the error of the stream, a record of the xmpp library.
-spec error(fault()) -> tuple().
error('not-xml') -> xmpp:serr_not_well_formed();
error('forbidden-markup') -> xmpp:serr_restricted_xml();
error('other-encoding') -> xmpp:serr_unsupported_encoding();
error(not_begun) -> xmpp:serr_invalid_xml();
error(not_framing) -> xmpp:serr_invalid_namespace();
error(Fault) -> xmpp:serr_policy_violation(text(Fault), <<"en">>).

%% @doc Returns the same for a stream that has no header yet.
-spec before_header(fault()) -> parser_error().
before_header({exceeds, _}) -> <<"XML stanza is too big">>;  % xmpp_stream_in knows it by this text
before_header(Fault) -> {?SYNTAX, text(Fault)}.

-spec text(fault()) -> binary().
text({exceeds, bytes}) -> <<"Too many bytes in a stanza">>;
text({exceeds, elements}) -> <<"Too many elements in a stanza">>;
text({exceeds, stanzas}) -> <<"Too many stanzas at once">>;
text('too-deep') -> <<"Too many levels of elements">>;
text('too-many-declarations') -> <<"Too many declarations of namespaces">>;
text('forbidden-markup') -> <<"A comment, a processing instruction or a document type">>;
text('other-encoding') -> <<"Not UTF-8">>;
text(not_begun) -> <<"The stream must begin with its header">>;
text(_) -> <<"Not well-formed">>.
