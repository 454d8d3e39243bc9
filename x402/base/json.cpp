// SPDX-License-Identifier: Apache-2.0
// Strict JSON. Boost's parser drives a handler of our own that builds the value and looks at the
// keys of each object as it closes; Boost itself would keep the last of two equal keys, while
// another parser keeps the first, and then two programs read two different payments from one text.
// Any thread.
#include "x402/base/json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <utility>

namespace x402::json {

namespace {

namespace bj = boost::json;
using Code = boost::system::error_code;

constexpr std::size_t kShownKeyBytes = 64;

// Cut between two letters: it is told to others, in text that has to stay well-formed.
std::string shown(std::string_view key) {
    const auto inside_letter = [key](std::size_t at) {
        return at < key.size() && (static_cast<unsigned char>(key[at]) & 0xC0U) == 0x80U;
    };
    std::size_t size = std::min(key.size(), kShownKeyBytes);
    while (inside_letter(size)) --size;
    return std::string(key.substr(0, size));
}

class Builder {
public:
    static constexpr std::size_t max_object_size = bj::object::max_size();
    static constexpr std::size_t max_array_size = bj::array::max_size();
    static constexpr std::size_t max_key_size = bj::string::max_size();
    static constexpr std::size_t max_string_size = bj::string::max_size();

    Builder() { stack_.reset(); }
    Value release() { return stack_.release(); }
    const std::optional<std::string>& duplicate() const noexcept { return duplicate_; }

    bool on_document_begin(Code&) { return true; }
    bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) {
        starts_.push_back(keys_.size());
        return true;
    }
    bool on_object_end(std::size_t count, Code& error) {
        if (!keys_are_unique(error)) return false;
        stack_.push_object(count);
        return true;
    }
    bool on_array_begin(Code&) { return true; }
    bool on_array_end(std::size_t count, Code&) {
        stack_.push_array(count);
        return true;
    }
    bool on_key_part(bj::string_view part, std::size_t, Code&) {
        key_.append(part.data(), part.size());
        return true;
    }
    bool on_key(bj::string_view part, std::size_t, Code&) {
        key_.append(part.data(), part.size());
        stack_.push_key(key_);
        keys_.push_back(std::move(key_));
        key_.clear();
        return true;
    }
    bool on_string_part(bj::string_view part, std::size_t, Code&) {
        stack_.push_chars(part);
        return true;
    }
    bool on_string(bj::string_view part, std::size_t, Code&) {
        stack_.push_string(part);
        return true;
    }
    bool on_number_part(bj::string_view part, Code&) {
        number_.append(part.data(), part.size());
        return true;
    }
    bool on_int64(std::int64_t value, bj::string_view, Code&) {
        number_.clear();
        stack_.push_int64(value);
        return true;
    }
    bool on_uint64(std::uint64_t value, bj::string_view, Code&) {
        number_.clear();
        stack_.push_uint64(value);
        return true;
    }
    // Boost's own conversion is off by a bit now and then, and gives infinity beyond the range:
    // neither would come back as it came. So the text is converted again, exactly, and what has no
    // value is refused.
    bool on_double(double, bj::string_view part, Code& error) {
        number_.append(part.data(), part.size());
        double value = 0;
        const char* end = number_.data() + number_.size();
        const auto done = std::from_chars(number_.data(), end, value);
        if (done.ec != std::errc{} || done.ptr != end) {
            error = bj::error::exponent_overflow;
            return false;
        }
        number_.clear();
        stack_.push_double(value);
        return true;
    }
    bool on_bool(bool value, Code&) {
        stack_.push_bool(value);
        return true;
    }
    bool on_null(Code&) {
        stack_.push_null();
        return true;
    }
    bool on_comment_part(bj::string_view, Code&) { return true; }
    bool on_comment(bj::string_view, Code&) { return true; }

private:
    // Looks at the keys of the object that closes, sorted: an attacker's thousand keys cost n log
    // n, not n^2.
    bool keys_are_unique(Code& error) {
        const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(starts_.back());
        std::sort(begin, keys_.end());
        const auto twice = std::adjacent_find(begin, keys_.end());
        if (twice != keys_.end()) {
            duplicate_ = shown(*twice);
            error = bj::error::syntax;
            return false;
        }
        keys_.erase(begin, keys_.end());
        starts_.pop_back();
        return true;
    }

    bj::value_stack stack_;
    std::string key_;                  // a key that arrives in parts
    std::string number_;               // a number that does
    std::vector<std::string> keys_;    // of all open objects, the innermost last
    std::vector<std::size_t> starts_;  // where each open object's keys begin
    std::optional<std::string> duplicate_;
};

std::unexpected<Error> parse_failed(const Builder& builder, const Code& error, std::size_t at) {
    if (builder.duplicate())
        return fail_field(Errc::invalid, *builder.duplicate(), "duplicate JSON key");
    if (error == bj::error::too_deep) return fail(Errc::too_large, "the JSON is nested too deeply");
    return fail(Errc::invalid, "not JSON: " + error.message() + " near byte " + std::to_string(at));
}

// A whole number in the range where a double holds each one exactly; JSON has one kind of number,
// so 1 and 1.0 and 1e0 mean the same.
std::optional<std::int64_t> integral(const Value& value) {
    if (const auto* number = value.if_int64()) return *number;
    if (const auto* real = value.if_double()) {
        constexpr double kExact = 9007199254740992.0;
        if (*real < -kExact || *real > kExact) return std::nullopt;
        const auto whole = static_cast<std::int64_t>(*real);
        if (static_cast<double>(whole) == *real) return whole;
    }
    if (const auto* number = value.if_uint64()) {
        if (std::in_range<std::int64_t>(*number)) return static_cast<std::int64_t>(*number);
    }
    return std::nullopt;
}

bool scalars_equal(const Value& left, const Value& right) {
    if (left.is_number() && right.is_number()) {
        const auto a = integral(left);
        const auto b = integral(right);
        if (a || b) return a == b;
    }
    return left == right;
}

// `whole` may hold more members than `part` where `exact` is false; arrays are always equal or not.
bool matches(const Value& part, const Value& whole, bool exact) {
    if (part.is_object() && whole.is_object()) {
        const Object& left = part.get_object();
        const Object& right = whole.get_object();
        if (exact && left.size() != right.size()) return false;
        return std::all_of(left.begin(), left.end(), [&](const auto& member) {
            const auto* other = right.if_contains(member.key());
            return other != nullptr && matches(member.value(), *other, exact);
        });
    }
    if (part.is_array() && whole.is_array()) {
        const Array& left = part.get_array();
        const Array& right = whole.get_array();
        return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                          [](const Value& a, const Value& b) { return matches(a, b, true); });
    }
    return scalars_equal(part, whole);
}

void write_canonical(std::string& out, const Value& value);

void write_canonical(std::string& out, const Object& object) {
    std::vector<std::pair<std::string_view, const Value*>> members;
    members.reserve(object.size());
    for (const auto& member : object) {
        members.emplace_back(std::string_view(member.key().data(), member.key().size()),
                             &member.value());
    }
    std::sort(members.begin(), members.end(),
              [](const auto& left, const auto& right) { return left.first < right.first; });
    out += '{';
    bool first = true;
    for (const auto& [key, value] : members) {
        if (!std::exchange(first, false)) out += ',';
        out += bj::serialize(bj::string_view(key.data(), key.size()));
        out += ':';
        write_canonical(out, *value);
    }
    out += '}';
}

void write_canonical(std::string& out, const Value& value) {
    if (const auto* object = value.if_object()) return write_canonical(out, *object);
    if (const auto* array = value.if_array()) {
        out += '[';
        bool first = true;
        for (const Value& item : *array) {
            if (!std::exchange(first, false)) out += ',';
            write_canonical(out, item);
        }
        out += ']';
        return;
    }
    if (const auto whole = integral(value)) {
        out += std::to_string(*whole);
    } else {
        out += bj::serialize(value);
    }
}

}  // namespace

Result<Value> parse(std::string_view text, ParseOptions options) {
    if (text.size() > options.max_bytes) {
        return fail(Errc::too_large, "JSON text of " + std::to_string(text.size()) +
                                         " bytes, at most " + std::to_string(options.max_bytes) +
                                         " are read");
    }
    bj::parse_options boost_options;
    boost_options.max_depth = options.max_depth;
    try {
        bj::basic_parser<Builder> parser(boost_options);
        Code error;
        const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
        if (error) return parse_failed(parser.handler(), error, used);
        if (used != text.size()) return fail(Errc::invalid, "text follows the JSON value");
        return parser.handler().release();
    } catch (const std::exception& thrown) {
        return fail(Errc::internal, std::string("the JSON library threw: ") + thrown.what());
    }
}

Result<Object> parse_object(std::string_view text, ParseOptions options) {
    X402_TRY(Value value, parse(text, options));
    if (!value.is_object()) return fail(Errc::invalid, "the JSON is no object");
    return std::move(value.get_object());
}

std::string dump(const Value& value) {
    return bj::serialize(value);
}

std::string dump(const Object& object) {
    return bj::serialize(object);
}

std::string canonical(const Value& value) {
    std::string out;
    write_canonical(out, value);
    return out;
}

bool is_subset(const Value& part, const Value& whole) {
    return matches(part, whole, false);
}

}  // namespace x402::json
