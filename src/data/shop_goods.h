#pragma once
#include <array>
#include <string_view>

namespace tessera {

/// A kind of goods that the simulated shop sells.
struct Product {
  const char* department;
  const char* name;
  double price;   ///< typical
  int season;     ///< month of the year, from 0, in which it sells best; -1: none
  bool consumed;  ///< bought again when used up
  std::array<const char*, 3> uses;
};

inline constexpr std::size_t kProducts = 48;
extern const std::array<Product, kProducts> kGoods;

inline constexpr std::array kMaterials = {"walnut", "steel", "cotton",  "bamboo", "ceramic",
                                          "brass",  "glass", "leather", "linen",  "recycled"};
inline constexpr std::array kColours = {"black", "sand", "sky blue", "forest green", "red",
                                        "white", "grey", "mustard",  "rose",         "navy"};
inline constexpr std::array kBrands = {"Alder & Finch", "Norrvik",   "Casa Lume", "Pine Row",
                                       "Kestrel",       "Oat House", "Maren",     "Tidewater",
                                       "Fable",         "Juniper Co"};

}  // namespace tessera
