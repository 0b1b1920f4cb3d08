#pragma once
// Asio with its coroutines, and the names it goes by here.

#ifdef __clang__  // Asio 1.74 does not know that clang has coroutines by now
#define BOOST_ASIO_HAS_CO_AWAIT 1
#define BOOST_ASIO_HAS_STD_COROUTINE 1
#endif

#include <utility>  // before Asio, which forgets it

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>

namespace tessera {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// For co_await: the operation's error goes there, and is not thrown.
inline asio::redirect_error_t<asio::use_awaitable_t<>> into(error_code& error) {
  return asio::redirect_error(asio::use_awaitable, error);
}

}  // namespace tessera
