-- Accounts of Prosody for a benchmark (authentication = "everyone"): each name has one, and the
-- password of all is "secret", as bench/erlang/ejabberd_auth_everyone.erl has it for ejabberd.

local new_sasl = require "util.sasl".new;

local provider = {};

function provider.test_password(_, password) return password == "secret"; end

function provider.user_exists() return true; end

-- With a test of passwords, and none that can be read, only SASL PLAIN is offered.
function provider.get_sasl_handler()
	return new_sasl(module.host, {
		plain_test = function(_, username, password)
			return provider.test_password(username, password), true;
		end;
	});
end

module:provides("auth", provider);
